//! Nothing is measured here of what the façade would measure.

use redsync_core::{Loss, Moment};

use crate::held::Ending;

/// A lock that is held.
#[derive(Debug)]
pub(crate) struct Hold;

impl Hold {
    #[expect(clippy::unused_self, reason = "the façade's own does something")]
    pub(crate) fn lose(&self, _: Loss) {}

    #[expect(clippy::unused_self, reason = "the façade's own does something")]
    pub(crate) fn end(&self, _: Option<Ending>, _: Moment) {}
}
