//! [`hand_over`]: a lock goes into the queue with its job, or comes back.

use std::{fmt, pin::pin, time::Duration};

use futures_util::future::{Either, select};
use redsync_core::{Error, ErrorKind, Guard, GuardError, LockToken, Redsync};
use tracing::Instrument as _;

use crate::trace;

/// How long a publish may take. A broker that is short of memory lets publishers wait for as long as that lasts, a client may
/// lose a confirmation with its connection, and by then nobody is waiting for an answer any more.
pub(crate) const PUBLISHED_WITHIN: Duration = Duration::from_secs(30);

/// Why a message was not published, or may not have been.
#[derive(Debug)]
pub enum PublishError<E> {
    /// Nobody will ever see it.
    NotPublished(E),
    /// Nobody knows: the connection was lost before the broker had confirmed it.
    Unknown(E),
}

/// In doubt it is unknown.
impl<E> From<E> for PublishError<E> {
    fn from(error: E) -> Self {
        Self::Unknown(error)
    }
}

/// Why a lock did not go into the queue. In each case either the handler has it or a worker, and never both.
#[derive(Debug)]
pub enum HandOverError<E> {
    /// It was not handed over, and nothing was published. The error gives the lock back.
    NotHandedOver(GuardError),
    /// Nobody will see the message.
    NotPublished {
        /// Why not.
        error: E,
        /// The lock, which was taken back; or why it was not.
        lock: Result<Guard, Error>,
    },
    /// Nobody knows whether somebody will see the message.
    Unknown {
        /// Why not.
        error: E,
        /// The lock, which was taken back: a worker that gets the message while it is held waits until it has ended, and then
        /// goes by [`Policy::abandoned`](crate::Policy::abandoned), by which it does the job unless it is said otherwise. One
        /// that gets it later goes by [`Policy::expired`](crate::Policy::expired), by which it is a dead letter. Otherwise why
        /// it was not: with [`AlreadyAdopted`](redsync_core::ErrorKind::AlreadyAdopted) a worker was faster, and has the
        /// job. A broker may deliver a message before it has stored it: where it crashes then, and the worker is lost as well,
        /// nobody has the job any more.
        lock: Result<Guard, Error>,
    },
    /// The publish has not come to an end in time, and was dropped. Nobody knows whether somebody will see the message.
    Unheard {
        /// The lock, as where it is [unknown](Self::Unknown).
        lock: Result<Guard, Error>,
    },
}

/// Hands a held lock over to whoever gets the message that `publish` sends: it gets the token, and puts it into the headers
/// by an [`Envelope`](crate::Envelope) or into the job itself.
///
/// The lock then lasts for `wait`, and nobody renews it meanwhile. Queues deliver twice, so that a lock of a
/// [fixed value](redsync_core::Mutex::with_value) is no good here where the value may be in use again later: a second
/// delivery takes it from whoever has it then. Prefer a [`label`](redsync_core::Mutex::label).
///
/// # Errors
///
/// [`HandOverError`], with the lock where it could be taken back. After a publish whose fate is unknown it is adopted again by
/// its token: then it is either the caller's or a worker's. What is taken back has the token's TTL, and is not extended in
/// the background. Where the nodes cannot be reached, it is [withdrawn](Redsync::withdraw) in the background.
///
/// An error that `publish` passes on by `?` counts as [unknown](PublishError::Unknown). One that takes longer than 30 s is
/// dropped, and [unheard](HandOverError::Unheard) of.
///
/// # Cancel safety
///
/// When the future is dropped, the lock is taken back and released in the background. A message that was published by then
/// comes without a lock, and its worker goes by [`Policy::abandoned`](crate::Policy::abandoned) or
/// [`Policy::expired`](crate::Policy::expired).
pub async fn hand_over<P, F, T, E>(guard: Guard, wait: Duration, publish: P) -> Result<T, HandOverError<E>>
where
    P: FnOnce(LockToken) -> F,
    F: Future<Output = Result<T, PublishError<E>>>,
{
    let span = trace::of_hand_over(guard.name(), guard.fence());
    let handed_over = send(guard, wait, publish).instrument(span.clone()).await;
    span.record("outcome", handed_over.as_ref().map_or_else(HandOverError::name, |_| "published"));
    if handed_over.is_err() {
        trace::failed(&span);
    }
    handed_over
}

async fn send<P, F, T, E>(guard: Guard, wait: Duration, publish: P) -> Result<T, HandOverError<E>>
where
    P: FnOnce(LockToken) -> F,
    F: Future<Output = Result<T, PublishError<E>>>,
{
    let redsync = guard.redsync();
    let token = guard.hand_over(wait).await.map_err(HandOverError::NotHandedOver)?;
    let runtime = redsync.runtime();
    let end = runtime.sleep_until(runtime.now().plus(PUBLISHED_WITHIN));
    let parcel = Parcel { redsync, token: token.clone(), is_settled: false };
    // A block of its own, so that the publish is dropped before the lock is taken back. What its client has taken in by then
    // may go out all the same.
    let published = {
        match select(pin!(publish(token)), end).await {
            Either::Left((published, _)) => Some(published),
            Either::Right(_) => None,
        }
    };
    let Some(published) = published else {
        let lock = parcel.take_back().await;
        tracing::warn!(taken_back = lock.is_ok(), "nothing was heard of the publish of a lock");
        return Err(HandOverError::Unheard { lock });
    };
    match published {
        Ok(receipt) => {
            parcel.leave();
            Ok(receipt)
        }
        Err(PublishError::NotPublished(error)) => {
            let lock = parcel.take_back().await;
            tracing::debug!(taken_back = lock.is_ok(), "a lock was not published");
            Err(HandOverError::NotPublished { error, lock })
        }
        Err(PublishError::Unknown(error)) => {
            let lock = parcel.take_back().await;
            tracing::warn!(taken_back = lock.is_ok(), "nobody knows whether a lock was published");
            Err(HandOverError::Unknown { error, lock })
        }
    }
}

/// A token that may be on its way. Dropping it takes its lock back.
struct Parcel {
    redsync: Redsync,
    token: LockToken,
    is_settled: bool,
}

impl Parcel {
    /// Whoever gets the message has the lock.
    fn leave(mut self) {
        self.is_settled = true;
    }

    async fn take_back(mut self) -> Result<Guard, Error> {
        let lock = self.redsync.adopt(&self.token).await;
        // Where the nodes could not be asked, it is tried again in the background, or it would stand for its wait.
        let is_open = |why: &Error| matches!(why.kind(), ErrorKind::Unreachable | ErrorKind::Cancelled);
        self.is_settled = !lock.as_ref().is_err_and(is_open);
        lock
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if !self.is_settled {
            self.redsync.withdraw(self.token.clone());
        }
    }
}

impl<E> HandOverError<E> {
    /// What it is called in a span.
    fn name(&self) -> &'static str {
        match self {
            Self::NotHandedOver(_) => "not_handed_over",
            Self::NotPublished { .. } => "not_published",
            Self::Unknown { .. } => "unknown",
            Self::Unheard { .. } => "unheard",
        }
    }
}

impl<E: fmt::Display> fmt::Display for HandOverError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHandedOver(error) => write!(f, "the lock was not handed over: {error}"),
            Self::NotPublished { error, lock: Ok(_) } => {
                write!(f, "the message was not published, and the lock was taken back: {error}")
            }
            Self::NotPublished { error, lock: Err(why) } => {
                write!(f, "the message was not published: {error}; the lock was not taken back: {why}")
            }
            Self::Unknown { error, lock: Ok(_) } => write!(
                f,
                "the message may have been published, and the lock was taken back, so that nobody works on it for as long \
                 as that is held: {error}"
            ),
            Self::Unknown { error, lock: Err(why) } => {
                write!(f, "the message may have been published: {error}; the lock was not taken back: {why}")
            }
            Self::Unheard { lock: Ok(_) } => f.write_str(
                "the publish did not end in time; the message may have been published, and the lock was taken back, so that \
                 nobody works on it for as long as that is held",
            ),
            Self::Unheard { lock: Err(why) } => write!(
                f,
                "the publish did not end in time; the message may have been published, and the lock was not taken back: {why}"
            ),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for HandOverError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotHandedOver(error) => Some(error),
            Self::NotPublished { error, .. } | Self::Unknown { error, .. } => Some(error),
            Self::Unheard { lock } => {
                lock.as_ref().err().map(|why| why as &(dyn std::error::Error + 'static))
            }
        }
    }
}
