//! What is measured.

mod alone;
pub(crate) mod contended;
mod distinct;
pub(crate) mod hand_off;
mod travels;

use crate::{BoxError, args::Args, figures::Row};

/// One thing that is measured.
pub(crate) struct Workload {
    pub(crate) letter: &'static str,
    pub(crate) name: &'static str,
    /// What a reader of its table has to know.
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Args) -> Result<Vec<Row>, BoxError>,
}

impl Workload {
    pub(crate) const ALL: [Self; 5] =
        [alone::WORKLOAD, distinct::WORKLOAD, contended::WORKLOAD, hand_off::WORKLOAD, travels::WORKLOAD];
}

/// One thread, as the floor has it, and nothing left of the one before.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
