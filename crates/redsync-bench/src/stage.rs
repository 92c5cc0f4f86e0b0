//! Real servers, and ways to them.

use std::ops::Deref;

use redsync_testkit::server::Servers;

use crate::BoxError;

/// Servers of this run's own.
pub(crate) struct Stage(Servers);

impl Stage {
    pub(crate) fn with(nodes: usize) -> Result<Self, BoxError> {
        Ok(Self(Servers::start(nodes)?))
    }
}

impl Deref for Stage {
    type Target = Servers;

    fn deref(&self) -> &Servers {
        &self.0
    }
}
