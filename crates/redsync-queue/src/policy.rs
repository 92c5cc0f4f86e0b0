//! [`Policy`]: what becomes of a message whose lock is not to be had by its token.

use std::time::Duration;

/// What becomes of a message without a good token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Otherwise {
    /// It goes where such messages are looked after, and is not worked on.
    DeadLetter,
    /// It is acknowledged, and not worked on.
    Drop,
    /// Its lock is taken anew, and it is worked on. Where the name of the lock is not known it goes where such messages are
    /// looked after.
    LockAnew,
}

/// What becomes of a message whose lock is not to be had by its token.
///
/// By default nothing is worked on without a lock, and nothing is lost: what has no good token goes to the dead letters. A
/// message that is delivered once more after a worker had its lock and was not heard of again has its lock taken anew, once
/// that has ended.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) missing: Otherwise,
    pub(crate) damaged: Otherwise,
    pub(crate) forged: Otherwise,
    pub(crate) expired: Otherwise,
    pub(crate) abandoned: Otherwise,
    pub(crate) retry_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            missing: Otherwise::DeadLetter,
            damaged: Otherwise::DeadLetter,
            forged: Otherwise::DeadLetter,
            expired: Otherwise::DeadLetter,
            abandoned: Otherwise::LockAnew,
            retry_after: Duration::from_secs(1),
        }
    }
}

impl Policy {
    /// For a message without a token.
    #[must_use]
    pub fn missing(self, missing: Otherwise) -> Self {
        Self { missing, ..self }
    }

    /// For a token that was changed on its way, or that this release cannot read.
    #[must_use]
    pub fn damaged(self, damaged: Otherwise) -> Self {
        Self { damaged, ..self }
    }

    /// For a token that is not signed as it should be.
    #[must_use]
    pub fn forged(self, forged: Otherwise) -> Self {
        Self { forged, ..self }
    }

    /// For a token whose wait was over before it was delivered first.
    #[must_use]
    pub fn expired(self, expired: Otherwise) -> Self {
        Self { expired, ..self }
    }

    /// For a message that is delivered once more, and whose lock has ended meanwhile: its worker had it and is gone.
    #[must_use]
    pub fn abandoned(self, abandoned: Otherwise) -> Self {
        Self { abandoned, ..self }
    }

    /// How long to wait before a message is delivered again whose handler has failed, or whose nodes could not be reached. 1 s
    /// by default.
    #[must_use]
    pub fn retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }
}
