//! [`Worker`]: works on jobs under the locks that come with them.
//!
//! | the job | its lock | its message |
//! | --- | --- | --- |
//! | is done | is kept until the broker knows, then released | is acknowledged |
//! | is done, and the broker cannot be told | is kept while that is tried, then released | comes again, as far as anybody knows |
//! | has failed, or panicked | goes back to the token | is to come again |
//! | has failed, and the lock cannot go back | is left to its TTL | is to come again after that |
//! | was stopped since the lock is lost | is somebody else's, or nobody's | is to come again |
//! | has no lock | | as the policy says |

use std::{
    fmt,
    panic::{AssertUnwindSafe, resume_unwind},
    pin::pin,
    sync::Arc,
};

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use redsync_core::{Guard, LockToken, Lost, Mutex, Redsync};
use tracing::{Instrument as _, Span};

use crate::{
    Envelope, LockEnd, Message, Outcome, Policy, Processed, Told, Untold,
    beat::beat,
    locking::{Locked, Refused},
    settle::settle,
    trace,
};

/// Works on the jobs of messages, under the locks that come with them.
#[derive(Clone)]
pub struct Worker {
    pub(crate) redsync: Redsync,
    pub(crate) envelope: Envelope,
    pub(crate) policy: Policy,
    adjust: Option<Arc<dyn Fn(Mutex) -> Mutex + Send + Sync>>,
}

/// What a handler knows of the lock that it works under.
#[derive(Debug)]
#[non_exhaustive]
pub struct Work {
    /// The lock's name.
    pub name: String,
    /// Its fencing number, greater than that of every earlier holder, where it has one.
    pub fence: Option<u64>,
    /// Resolves when the lock is lost. The handler is stopped then at its next await; this is for what it has started
    /// elsewhere.
    pub lost: Lost,
}

impl Worker {
    /// On these nodes, for plain tokens, by the default policy.
    pub fn new(redsync: Redsync) -> Self {
        Self { redsync, envelope: Envelope::plain(), policy: Policy::default(), adjust: None }
    }

    /// How tokens are read.
    #[must_use]
    pub fn envelope(self, envelope: Envelope) -> Self {
        Self { envelope, ..self }
    }

    /// What becomes of messages without a good token.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Adjusts the options by which locks are adopted and taken anew, such as [`max_hold`](Mutex::max_hold), which ends a
    /// handler that never does, or [`ttl`](Mutex::ttl), which otherwise is the token's.
    #[must_use]
    pub fn adjust(self, adjust: impl Fn(Mutex) -> Mutex + Send + Sync + 'static) -> Self {
        Self { adjust: Some(Arc::new(adjust)), ..self }
    }

    /// Adopts the lock of a message, calls `handler` under it, and settles the message.
    ///
    /// From beginning to end the broker is told that the message is alive, and the lock is extended until the broker knows
    /// what became of it. When the handler is done, the message is acknowledged and the lock released, in this order: a
    /// crash in between costs others the rest of the TTL, and not a second run. When it fails, the lock goes back to the
    /// token, and the message to the broker. When the lock is lost, the handler is dropped, and the message goes back.
    /// Without a lock the handler is not called.
    ///
    /// A handler that never awaits cannot be stopped; one that never ends is stopped by
    /// [`max_hold`](Mutex::max_hold) only.
    ///
    /// # Panics
    ///
    /// Where the handler does, after the lock has gone back to the token and the message to the broker.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, so is the handler; the lock is released in the background, and the message is not settled,
    /// unless its settling was under way.
    pub async fn process<M, H, F, T, E>(&self, message: &M, handler: H) -> Processed<T, E, M::Error>
    where
        M: Message,
        H: FnOnce(Work) -> F,
        F: Future<Output = Result<T, E>>,
    {
        let span = trace::of_job(message);
        let alive = async {
            let beats = pin!(beat(message, &**self.redsync.runtime()));
            match select(pin!(self.process_silently(&span, message, handler)), beats).await {
                Either::Left((processed, _)) => processed,
                Either::Right((never, _)) => match never {},
            }
        };
        let processed = alive.instrument(span.clone()).await;
        span.record("outcome", processed.outcome.name());
        processed
    }

    async fn process_silently<M, H, F, T, E>(
        &self,
        span: &Span,
        message: &M,
        handler: H,
    ) -> Processed<T, E, M::Error>
    where
        M: Message,
        H: FnOnce(Work) -> F,
        F: Future<Output = Result<T, E>>,
    {
        match self.lock(span, message).await {
            Ok(Locked { token, guard }) => {
                span.record("fence", guard.fence());
                self.work(message, &token, guard, handler).await
            }
            Err(Refused { why, told }) => {
                tracing::warn!(%why, ?told, "a job without a lock");
                let told = settle(self, message, told, &why.to_string()).await;
                Processed { outcome: Outcome::NotLocked(why), lock: LockEnd::NotTaken, told }
            }
        }
    }

    async fn work<M, H, F, T, E>(
        &self,
        message: &M,
        token: &LockToken,
        guard: Guard,
        handler: H,
    ) -> Processed<T, E, M::Error>
    where
        M: Message,
        H: FnOnce(Work) -> F,
        F: Future<Output = Result<T, E>>,
    {
        let work = Work { name: guard.name().to_owned(), fence: guard.fence(), lost: guard.lost() };
        let work = AssertUnwindSafe(async { handler(work).await }).catch_unwind();
        match guard.keep(work).await {
            Ok(Ok(Ok(done))) => {
                let (lock, told) = self.finish(message, guard).await;
                Processed { outcome: Outcome::Done(done), lock, told }
            }
            Ok(Ok(Err(error))) => {
                let (lock, told) = self.give_back(message, token, guard).await;
                Processed { outcome: Outcome::Failed(error), lock, told }
            }
            Ok(Err(panic)) => {
                // What panics at once would be delivered at once, and so on.
                drop(self.give_back(message, token, guard).await);
                resume_unwind(panic)
            }
            Err(lost) => {
                drop(guard);
                tracing::warn!(lock = token.name(), %lost, "a job has lost its lock");
                let told = Told::ToDeliverAgain(self.policy.retry_after);
                let told = settle(self, message, told, "").await;
                Processed { outcome: Outcome::Lost(lost), lock: LockEnd::Lost, told }
            }
        }
    }

    /// Of a job that is done.
    async fn finish<M: Message>(&self, message: &M, guard: Guard) -> (LockEnd, Settled<M>) {
        let told = guard.keep(settle(self, message, Told::Acknowledged, "")).await;
        // It was lost while the broker was told, and nobody knows whether it was.
        let Ok(told) = told else { return (LockEnd::Lost, Err(Untold::Unheard)) };
        // Also where the broker has not heard it, as far as anybody knows: if it has after all, nobody comes for a token.
        let name = guard.name().to_owned();
        let lock = match guard.release().await {
            Ok(released) => LockEnd::Released(released),
            Err(error) => LockEnd::ReleaseFailed(error.into()),
        };
        tracing::debug!(lock = name, ?lock, "a job is done");
        (lock, told)
    }

    /// Of a job that has failed.
    async fn give_back<M: Message>(
        &self,
        message: &M,
        token: &LockToken,
        guard: Guard,
    ) -> (LockEnd, Settled<M>) {
        let lock = match guard.hand_back(token).await {
            Ok(()) => LockEnd::HandedBack,
            Err(error) => {
                tracing::warn!(lock = token.name(), %error, "a lock did not go back to its token");
                // The token may be good by then, and a release would take it along.
                error.into_guard().leave();
                LockEnd::Left
            }
        };
        // Until the TTL is over, the next delivery would be told that the lock is adopted.
        let is_back = matches!(lock, LockEnd::HandedBack);
        let after = if is_back { self.policy.retry_after } else { token.ttl().max(self.policy.retry_after) };
        tracing::debug!(lock = token.name(), is_back, "a job has failed");
        (lock, settle(self, message, Told::ToDeliverAgain(after), "").await)
    }

    /// The lock of this token, with the worker's own options.
    pub(crate) fn mutex(&self, token: &LockToken) -> Mutex {
        let mutex = self.redsync.mutex(token.name()).ttl(token.ttl());
        match &self.adjust {
            Some(adjust) => adjust(mutex),
            None => mutex,
        }
    }
}

/// What a broker was told, or why not.
type Settled<M> = Result<Told, Untold<<M as Message>::Error>>;

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("redsync", &self.redsync)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
