//! [`Processed`]: what became of a message, of its lock, and what its broker was told.

use std::{fmt, time::Duration};

use redsync_core::{Error, LostError, Released, TokenError};

/// What became of a message.
#[derive(Debug)]
#[must_use]
pub struct Processed<T, E, B> {
    /// What became of its job.
    pub outcome: Outcome<T, E>,
    /// What became of its lock.
    pub lock: LockEnd,
    /// What its broker was told. Where it was not, the message may be delivered again, whatever has become of the job.
    pub told: Result<Told, Untold<B>>,
}

/// What became of a job.
#[derive(Debug)]
pub enum Outcome<T, E> {
    /// The handler has done it.
    Done(T),
    /// The handler has failed. The next delivery may try.
    Failed(E),
    /// The handler has failed, and nobody is to try again: it was [the last attempt](crate::Policy::attempts), or the handler
    /// [wants no other](crate::Work::give_up). The message goes to the dead letters with the reason, and the lock is released.
    GivenUp(E),
    /// The lock was lost, and the handler stopped at its next await. The next delivery may try; where it was stopped by
    /// [`max_hold`](redsync_core::Mutex::max_hold) at the last attempt, the message goes to the dead letters.
    Lost(LostError),
    /// There was no lock, and the handler was not called.
    NotLocked(NotLocked),
}

/// How a lock has ended for a worker.
#[derive(Debug)]
#[non_exhaustive]
pub enum LockEnd {
    /// He had none.
    NotTaken,
    /// It was released. Where it is not [`Held`](Released::Held) the job may not have been done under the lock until its
    /// end.
    Released(Released),
    /// It may have been released, which goes on in the background.
    ReleaseFailed(Error),
    /// It went back to its token, and waits for the next delivery.
    HandedBack,
    /// It is left to its TTL: by then the next delivery may take it.
    Left,
    /// It was lost.
    Lost,
}

/// Why there was no lock for a job.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotLocked {
    /// The message has no token.
    Missing,
    /// The token was changed on its way, or this release cannot read it.
    Damaged(TokenError),
    /// The token is not signed as it should be.
    Forged(TokenError),
    /// The token is for other nodes than this worker's.
    Foreign(Error),
    /// The token's wait was over before the message was delivered first; or it was used up by then, by a copy of the message
    /// or by a publisher that took its lock back.
    Expired(Error),
    /// The message was delivered before, and its lock has ended since: its worker had it and is gone, or the wait is over.
    Abandoned(Error),
    /// Somebody else has the lock: another worker, or whoever has taken it back since he did not know that the message was
    /// published.
    AlreadyAdopted(Error),
    /// The lock was taken by somebody else for another job.
    Taken(Error),
    /// The nodes could not be asked.
    Unreachable(Error),
    /// Another worker has settled the message by now, so that there is nothing to do.
    Settled,
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
    /// Nothing: another worker has settled it.
    Nothing,
}

/// Why a broker was not told, as far as anybody knows.
#[derive(Debug, thiserror::Error)]
pub enum Untold<B> {
    /// It could not be told, and this is what its client says of the last try.
    #[error("the broker was not told what became of a message")]
    Failed(#[source] B),
    /// It has not answered in time.
    #[error("the broker did not answer in time when it was told what became of a message")]
    Unheard,
}

impl<T, E> Outcome<T, E> {
    /// What it is called in a span.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::GivenUp(_) => "given_up",
            Self::Lost(_) => "lost",
            Self::NotLocked(why) => why.name(),
        }
    }

    /// Whether somebody has to hear of it. Where another worker has the lock or was done, all is as it should be.
    pub(crate) fn is_failure(&self) -> bool {
        match self {
            Self::Done(_) => false,
            Self::Failed(_) | Self::GivenUp(_) | Self::Lost(_) => true,
            Self::NotLocked(why) => match why {
                NotLocked::AlreadyAdopted(_) | NotLocked::Taken(_) | NotLocked::Settled => false,
                NotLocked::Missing
                | NotLocked::Damaged(_)
                | NotLocked::Forged(_)
                | NotLocked::Foreign(_)
                | NotLocked::Expired(_)
                | NotLocked::Abandoned(_)
                | NotLocked::Unreachable(_) => true,
            },
        }
    }
}

impl NotLocked {
    fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Damaged(_) => "damaged",
            Self::Forged(_) => "forged",
            Self::Foreign(_) => "foreign",
            Self::Expired(_) => "expired",
            Self::Abandoned(_) => "abandoned",
            Self::AlreadyAdopted(_) => "already_adopted",
            Self::Taken(_) => "taken",
            Self::Unreachable(_) => "unreachable",
            Self::Settled => "settled",
        }
    }
}

impl fmt::Display for NotLocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the message has no lock token"),
            Self::Damaged(error) | Self::Forged(error) => fmt::Display::fmt(error, f),
            Self::Expired(error) => {
                write!(
                    f,
                    "the token's wait was over, or it was used up, before the message came first: {error}"
                )
            }
            Self::Abandoned(error) => {
                write!(f, "the message was delivered before, and its lock has ended since: {error}")
            }
            Self::AlreadyAdopted(error)
            | Self::Foreign(error)
            | Self::Taken(error)
            | Self::Unreachable(error) => fmt::Display::fmt(error, f),
            Self::Settled => f.write_str("another worker has settled the message"),
        }
    }
}
