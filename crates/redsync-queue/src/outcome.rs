//! [`Processed`]: what became of a message, and what its broker was told.

use std::{fmt, time::Duration};

use redsync_core::{Error, LostError, TokenError};

/// What became of a message.
#[derive(Debug)]
#[must_use]
pub struct Processed<T, E, B> {
    /// What became of its job.
    pub outcome: Outcome<T, E>,
    /// What its broker was told. When that failed, the message may be delivered again whatever has become of the job.
    pub told: Result<Told, B>,
}

/// What became of a job.
#[derive(Debug)]
pub enum Outcome<T, E> {
    /// The handler has done it, under the lock.
    Done(T),
    /// The handler has failed. The lock waits to be adopted again by the next delivery.
    Failed(E),
    /// The lock was lost, and the handler stopped at its next await.
    Lost(LostError),
    /// There was no lock, and the handler was not called.
    NotLocked(NotLocked),
}

/// Why there was no lock for a job.
#[derive(Debug)]
pub enum NotLocked {
    /// The message has no token.
    Missing,
    /// The token was changed on its way, or this release cannot read it.
    Damaged(TokenError),
    /// The token is not signed as it should be.
    Forged(TokenError),
    /// The token's wait was over before it was delivered first.
    Expired(Error),
    /// A worker had the lock before, and is gone.
    Abandoned(Error),
    /// Another worker has the lock, and works on the job as far as anybody knows.
    AlreadyAdopted(Error),
    /// The lock was taken by somebody else since its token has expired.
    Taken(Error),
    /// The nodes could not be asked, or the token is for others.
    Unreachable(Error),
}

/// What a broker was told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// That its work is done.
    Acknowledged,
    /// That it is to be delivered again, after this time.
    ToDeliverAgain(Duration),
    /// That somebody has to look after it.
    DeadLettered,
}

impl fmt::Display for NotLocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the message has no lock token"),
            Self::Damaged(error) | Self::Forged(error) => fmt::Display::fmt(error, f),
            Self::Expired(error) => {
                write!(f, "the lock's wait was over before anybody worked on the job: {error}")
            }
            Self::Abandoned(error) => write!(f, "a worker had the lock and is gone: {error}"),
            Self::AlreadyAdopted(error) | Self::Taken(error) | Self::Unreachable(error) => {
                fmt::Display::fmt(error, f)
            }
        }
    }
}
