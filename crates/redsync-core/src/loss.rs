//! [`Loss`]: why a lock is had no more, and [`LostError`].

use std::{error::Error as StdError, fmt, sync::Arc};

/// Why a process has a lock no more, or is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// Its validity is about to end, or over: it could not be extended in time, or nobody did.
    Expiring,
    /// A quorum no longer holds it: the keys are gone, or somebody else's.
    Gone,
    /// It has been held for as long as [`max_hold`](crate::Mutex::max_hold) allows.
    LimitReached,
    /// The guard is gone: it was released, dropped or left.
    GivenBack,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expiring => "its validity is about to end or over",
            Self::Gone => "a quorum holds it no more",
            Self::LimitReached => "it has been held for as long as it may be",
            Self::GivenBack => "it was given back",
        })
    }
}

/// The lock was lost before the work that needed it had ended; the work was dropped.
#[derive(Clone, Debug)]
pub struct LostError {
    name: Arc<str>,
    loss: Loss,
}

impl LostError {
    pub(crate) fn new(name: &Arc<str>, loss: Loss) -> Self {
        Self { name: Arc::clone(name), loss }
    }

    /// The lock's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why the lock was lost.
    pub fn loss(&self) -> Loss {
        self.loss
    }
}

impl fmt::Display for LostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost {:?}: {}", self.name, self.loss)
    }
}

impl StdError for LostError {}
