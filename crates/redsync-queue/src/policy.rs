//! [`Policy`]: what becomes of a message whose lock is not to be had by its token, or whose job fails.

use std::{num::NonZeroU32, time::Duration};

/// What becomes of a message whose lock nobody can name, or that is for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discard {
    /// It goes where such messages are looked after.
    DeadLetter,
    /// It is acknowledged.
    Drop,
}

/// What becomes of a message whose token is good no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Otherwise {
    /// It goes where such messages are looked after, and is not worked on.
    DeadLetter,
    /// It is acknowledged, and not worked on.
    Drop,
    /// Its lock is taken anew, and it is worked on under that.
    LockAnew,
}

/// What becomes of a message whose lock is not to be had by its token, or whose job fails. Nothing is worked on without a
/// lock, whatever it says.
///
/// By default nothing is lost: what has no good token goes to the dead letters. A message that is delivered once more, and
/// whose lock has ended meanwhile, has its lock taken anew: its worker had it and was not heard of again.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) missing: Discard,
    pub(crate) damaged: Discard,
    pub(crate) forged: Discard,
    pub(crate) foreign: Discard,
    pub(crate) expired: Otherwise,
    pub(crate) abandoned: Otherwise,
    pub(crate) attempts: Option<NonZeroU32>,
    pub(crate) retry_after: Duration,
    pub(crate) settle_within: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            missing: Discard::DeadLetter,
            damaged: Discard::DeadLetter,
            forged: Discard::DeadLetter,
            foreign: Discard::DeadLetter,
            expired: Otherwise::DeadLetter,
            abandoned: Otherwise::LockAnew,
            attempts: None,
            retry_after: Duration::from_secs(1),
            settle_within: Duration::from_secs(10),
        }
    }
}

impl Policy {
    /// For a message without a token.
    #[must_use]
    pub fn missing(self, missing: Discard) -> Self {
        Self { missing, ..self }
    }

    /// For a token that was changed on its way, or that this release cannot read.
    #[must_use]
    pub fn damaged(self, damaged: Discard) -> Self {
        Self { damaged, ..self }
    }

    /// For a token that is not signed as it should be.
    #[must_use]
    pub fn forged(self, forged: Discard) -> Self {
        Self { forged, ..self }
    }

    /// For a token of another number of nodes than this worker's.
    #[must_use]
    pub fn foreign(self, foreign: Discard) -> Self {
        Self { foreign, ..self }
    }

    /// For a token whose wait was over before its message was delivered first, or that was used up by then.
    ///
    /// A message whose publish was [unknown](crate::HandOverError::Unknown) is such a one where it comes first after the
    /// publisher has taken its lock back and released it.
    ///
    /// A broker that has crashed may forget that it had delivered a message: NATS does at times, a classic queue of RabbitMQ
    /// does not. Where its worker is gone as well, or has lost its lock, and has used up the token, it is such a one: where no
    /// such job may be left to the dead letters, [take the lock anew](Otherwise::LockAnew).
    #[must_use]
    pub fn expired(self, expired: Otherwise) -> Self {
        Self { expired, ..self }
    }

    /// For a message that was delivered before, and whose lock has ended meanwhile: its worker had it and is gone, or nobody
    /// got to work on it in time.
    ///
    /// A message whose publish was [unknown](crate::HandOverError::Unknown) is such a one too where it has come before the
    /// publisher has released the lock that he has taken back. Where it comes later, it is [expired](Self::expired).
    #[must_use]
    pub fn abandoned(self, abandoned: Otherwise) -> Self {
        Self { abandoned, ..self }
    }

    /// How many attempts at a job there are at most; no limit by default. When the last one fails, the message goes to the
    /// dead letters, and the lock is released: the job is [given up](crate::Outcome::GivenUp).
    ///
    /// An attempt fails where the handler returns an error, panics, or is stopped by
    /// [`max_hold`](redsync_core::Mutex::max_hold). Attempts are counted by the broker or its messages
    /// ([`Message::attempt`](crate::Message::attempt)), as well as that goes:
    ///
    /// | | counts |
    /// | --- | --- |
    /// | [`amqp`](crate::amqp) | attempts that have failed, or lost their lock, unless what counts them did not get there: see below |
    /// | [`channel`](crate::channel) | these, and deliveries that were dropped |
    /// | [`streams`](crate::streams) | these, and deliveries that were dropped or whose worker is gone |
    /// | [`nats`](crate::nats) | every delivery, also one that only waits for somebody else's lock: let it be more there |
    ///
    /// RabbitMQ has no place for a count but a copy of the message, which is put at the end of the queue after
    /// [`retry_after`](Self::retry_after). So an attempt is not counted where the connection, the broker or the worker's process
    /// ends before that time is over, and where the queue refuses the copy, or does not confirm it: then the message itself
    /// comes again, as it was. A job may be tried more often than this by as many attempts.
    ///
    /// Whatever is counted, a job is given up only where an attempt at it has just failed. One that takes its process along
    /// each time, and so never gets to fail, is for the limits of the broker, where it has any.
    #[must_use]
    pub fn attempts(self, attempts: NonZeroU32) -> Self {
        Self { attempts: Some(attempts), ..self }
    }

    /// How long to wait before a message is delivered again whose handler has failed, or whose nodes could not be reached. 1 s
    /// by default.
    #[must_use]
    pub fn retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }

    /// How long a broker may take to hear what became of a message, all tries together. 10 s by default. The lock is held
    /// meanwhile.
    #[must_use]
    pub fn settle_within(self, settle_within: Duration) -> Self {
        Self { settle_within, ..self }
    }
}
