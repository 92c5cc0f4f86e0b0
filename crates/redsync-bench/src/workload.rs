//! What is measured.

mod alone;
pub(crate) mod contended;
pub(crate) mod costs;
mod distinct;
mod fenced;
pub(crate) mod hand_off;
pub(crate) mod held;
pub(crate) mod sizes;
mod travels;
mod unreachable;

use tokio::runtime::{Builder, Runtime};

use crate::{BoxError, args::Args, figures::Row, machine::Pinned};

/// One thing that is measured.
pub(crate) struct Workload {
    pub(crate) letter: &'static str,
    pub(crate) name: &'static str,
    /// What a reader of its table has to know.
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Args) -> Result<Vec<Row>, BoxError>,
}

impl Workload {
    pub(crate) const ALL: [Self; 9] = [
        alone::WORKLOAD,
        distinct::WORKLOAD,
        contended::WORKLOAD,
        hand_off::WORKLOAD,
        unreachable::WORKLOAD,
        held::WORKLOAD,
        costs::WORKLOAD,
        travels::WORKLOAD,
        fenced::WORKLOAD,
    ];
}

/// One thread, as the floor has it, and nothing left of the one before.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    new_runtime()?.block_on(work)
}

/// Measures on one core, servers included, and then on all.
fn pinned_and_not(
    measure: impl Fn(&'static str) -> Result<Vec<Row>, BoxError>,
) -> Result<Vec<Row>, BoxError> {
    let pinned = Pinned::to_one_core()?;
    let mut rows = measure("pinned")?;
    drop(pinned);
    rows.extend(measure("unpinned")?);
    Ok(rows)
}

fn new_runtime() -> Result<Runtime, BoxError> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
