//! [`Worker`]: works on jobs under the locks that come with them.
//!
//! | the job | its lock | its message |
//! | --- | --- | --- |
//! | is done | is kept until the broker knows, then released | is acknowledged |
//! | is done, and the broker cannot be told | is kept while that is tried, then released | comes again, as far as anybody knows |
//! | has failed, or panicked | goes back to the token | is to come again |
//! | has failed, and the lock cannot go back | is left to its TTL | is to come again after that |
//! | has failed, and nobody is to try again | is kept until the broker knows, then released | is a dead letter |
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
use redsync_core::{Guard, LockToken, Loss, Mutex, Redsync, TokenError};
use tracing::{Instrument as _, Span};

use crate::{
    Envelope, LockEnd, Message, Outcome, Policy, Processed, Told, Untold, Work,
    beat::beat,
    locking::{Locked, Refused},
    settle::{Fate, settle},
    trace,
    work::LastWord,
};

/// Works on the jobs of messages, under the locks that come with them.
#[derive(Clone)]
pub struct Worker {
    pub(crate) redsync: Redsync,
    pub(crate) envelope: Envelope,
    pub(crate) policy: Policy,
    adjust: Option<Arc<dyn Fn(Mutex) -> Mutex + Send + Sync>>,
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
    /// token, and the message to the broker; or the message goes to the dead letters and the lock is released, where
    /// [the last attempt](Policy::attempts) has failed or the handler [wants no other](Work::give_up). When the lock is lost,
    /// the handler is dropped, and the message goes back. Without a lock the handler is not called.
    ///
    /// A handler that never awaits cannot be stopped; one that never ends is stopped by
    /// [`max_hold`](Mutex::max_hold) only.
    ///
    /// # Panics
    ///
    /// Where the handler does, which is a failure like any other, once lock and message are where they go then.
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
        let token = self.envelope.take(message.headers());
        let span = trace::of_job(message, token.as_ref().and_then(|token| token.as_ref().ok()));
        let alive = async {
            let beats = pin!(beat(message, &**self.redsync.runtime()));
            match select(pin!(self.process_silently(&span, message, token, handler)), beats).await {
                Either::Left((processed, _)) => processed,
                Either::Right((never, _)) => match never {},
            }
        };
        let processed = alive.instrument(span.clone()).await;
        span.record("outcome", processed.outcome.name());
        if processed.outcome.is_failure() {
            trace::failed(&span);
        }
        processed
    }

    async fn process_silently<M, H, F, T, E>(
        &self,
        span: &Span,
        message: &M,
        token: Option<Result<LockToken, TokenError>>,
        handler: H,
    ) -> Processed<T, E, M::Error>
    where
        M: Message,
        H: FnOnce(Work) -> F,
        F: Future<Output = Result<T, E>>,
    {
        match self.lock(message, token).await {
            Ok(Locked { token, guard }) => {
                span.record("fence", guard.fence());
                self.work(span, message, &token, guard, handler).await
            }
            Err(Refused { why, told }) => {
                tracing::warn!(%why, ?told, "a job without a lock");
                let told = settle(self, message, Fate::without_a_lock(told, &why.to_string())).await;
                Processed { outcome: Outcome::NotLocked(why), lock: LockEnd::NotTaken, told }
            }
        }
    }

    async fn work<M, H, F, T, E>(
        &self,
        span: &Span,
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
        let last_word = LastWord::default();
        let work = Work::new(&guard, message.attempt(), last_word.clone());
        let work = AssertUnwindSafe(async { handler(work).await }).catch_unwind();
        let kept = guard.keep(work).await;
        let last = || self.last(message, &last_word);
        match kept {
            Ok(Ok(Ok(done))) => {
                let (lock, told) = self.finish(message, guard, Fate::Acknowledged).await;
                Processed { outcome: Outcome::Done(done), lock, told }
            }
            Ok(Ok(Err(error))) => {
                let last = last();
                let (lock, told) = self.fail(message, token, guard, last.as_deref()).await;
                let outcome = if last.is_some() { Outcome::GivenUp(error) } else { Outcome::Failed(error) };
                Processed { outcome, lock, told }
            }
            Ok(Err(panic)) => {
                trace::failed(span);
                // What panics at once would be delivered at once, and so on.
                drop(self.fail(message, token, guard, last().as_deref()).await);
                resume_unwind(panic)
            }
            Err(lost) => {
                drop(guard);
                tracing::warn!(lock = token.name(), %lost, "a job has lost its lock");
                // Whatever else takes a lock away, it is not the job's fault.
                let last = (lost.loss() == Loss::LimitReached).then(last).flatten();
                let fate = last.as_deref().map_or(Fate::Again(self.policy.retry_after), Fate::DeadLettered);
                let told = settle(self, message, fate).await;
                Processed { outcome: Outcome::Lost(lost), lock: LockEnd::Lost, told }
            }
        }
    }

    /// Why the attempt that has failed was the last one, if it was.
    fn last<M: Message>(&self, message: &M, last_word: &LastWord) -> Option<String> {
        let said = last_word.get().map(str::to_owned);
        said.or_else(|| {
            let (attempt, most) = (message.attempt()?, self.policy.attempts?);
            (attempt >= most.get().into())
                .then(|| format!("its job has failed at attempt {attempt}, of {most} at most"))
        })
    }

    /// Of a job that is over. Its lock is kept until the broker knows.
    async fn finish<M: Message>(&self, message: &M, guard: Guard, fate: Fate<'_>) -> (LockEnd, Settled<M>) {
        let told = guard.keep(settle(self, message, fate)).await;
        // It was lost while the broker was told, and nobody knows whether it was.
        let Ok(told) = told else { return (LockEnd::Lost, Err(Untold::Unheard)) };
        // Also where the broker has not heard it, as far as anybody knows: if it has after all, nobody comes for a token.
        let name = guard.name().to_owned();
        let lock = match guard.release().await {
            Ok(released) => LockEnd::Released(released),
            Err(error) => LockEnd::ReleaseFailed(error.into()),
        };
        tracing::debug!(lock = name, ended = ?lock, "a job is over");
        (lock, told)
    }

    /// Of a job that has failed, for the `last` time if there is a reason for that.
    async fn fail<M: Message>(
        &self,
        message: &M,
        token: &LockToken,
        guard: Guard,
        last: Option<&str>,
    ) -> (LockEnd, Settled<M>) {
        match last {
            Some(why) => {
                tracing::warn!(lock = token.name(), why, "a job is given up");
                self.finish(message, guard, Fate::DeadLettered(why)).await
            }
            None => self.give_back(message, token, guard).await,
        }
    }

    /// Of a job that is to be tried again.
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
        (lock, settle(self, message, Fate::Again(after)).await)
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
