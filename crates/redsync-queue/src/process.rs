//! [`Worker`]: works on jobs under the locks that come with them.

use std::pin::pin;

use futures_util::future::{Either, select};
use redsync_core::{Error, ErrorKind, Guard, LockToken, Lost, LostError, Redsync, TokenError};

use crate::{Envelope, Message, NotLocked, Otherwise, Outcome, Policy, Processed, Told};

/// Works on the jobs of messages, under the locks that come with them.
#[derive(Clone, Debug)]
pub struct Worker {
    redsync: Redsync,
    envelope: Envelope,
    policy: Policy,
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
        Self { redsync, envelope: Envelope::plain(), policy: Policy::default() }
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

    /// Adopts the lock of a message, calls `handler` under it, and settles the message.
    ///
    /// While the handler works, the lock is extended and the broker told that the message is alive. When it is done, the
    /// message is acknowledged and the lock released, in this order: a crash in between costs others the rest of the TTL,
    /// and not a second run. When it fails, the lock goes back to the token, and the message to the broker. When the lock is
    /// lost, the handler is dropped, and the message goes back. Without a lock the handler is not called.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, so is the handler; the lock is released in the background, and the message is not settled.
    pub async fn process<M, H, F, T, E>(&self, message: &M, handler: H) -> Processed<T, E, M::Error>
    where
        M: Message,
        H: FnOnce(Work) -> F,
        F: Future<Output = Result<T, E>>,
    {
        match self.lock(message).await {
            Ok(Locked { token, guard }) => self.work(message, &token, guard, handler).await,
            Err(Refused { why, told }) => {
                tracing::warn!(?why, ?told, "a job without a lock");
                Processed { told: tell(message, told, &why).await, outcome: Outcome::NotLocked(why) }
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
        match self.keep(message, &guard, handler(work)).await {
            Ok(Ok(done)) => {
                let told = message.acknowledge().await.map(|()| Told::Acknowledged);
                // A message that was not acknowledged comes again, and is to find its lock.
                let ended =
                    if told.is_ok() { released(guard).await } else { handed_back(guard, token).await };
                tracing::debug!(lock = token.name(), acknowledged = told.is_ok(), ended, "a job is done");
                Processed { outcome: Outcome::Done(done), told }
            }
            Ok(Err(error)) => {
                // Until the TTL is over, the next delivery would be told that the lock is adopted.
                let is_back = handed_back(guard, token).await;
                let after = if is_back { self.policy.retry_after } else { token.ttl() };
                tracing::debug!(lock = token.name(), is_back, "a job has failed");
                let told = message.deliver_again(after).await.map(|()| Told::ToDeliverAgain(after));
                Processed { outcome: Outcome::Failed(error), told }
            }
            Err(lost) => {
                drop(guard);
                tracing::warn!(lock = token.name(), %lost, "a job has lost its lock");
                let after = self.policy.retry_after;
                let told = message.deliver_again(after).await.map(|()| Told::ToDeliverAgain(after));
                Processed { outcome: Outcome::Lost(lost), told }
            }
        }
    }

    /// Keeps lock and message alive while the work goes on.
    async fn keep<M: Message, F: Future>(
        &self,
        message: &M,
        guard: &Guard,
        work: F,
    ) -> Result<F::Output, LostError> {
        let (work, beats) = (pin!(guard.keep(work)), pin!(self.beat(message)));
        match select(work, beats).await {
            Either::Left((kept, _)) => kept,
            Either::Right((never, _)) => never,
        }
    }

    async fn beat<M: Message, T>(&self, message: &M) -> T {
        let Some(every) = message.keep_alive_every() else { return std::future::pending().await };
        let runtime = self.redsync.runtime();
        loop {
            runtime.sleep_until(runtime.now().plus(every)).await;
            // The lock keeps others away from the job, also where its message is delivered to them.
            if let Err(error) = message.keep_alive().await {
                tracing::warn!(%error, "a broker was not told that a message is being worked on");
            }
        }
    }

    async fn lock<M: Message>(&self, message: &M) -> Result<Locked, Refused> {
        let token = match self.envelope.take(message.headers()) {
            Some(Ok(token)) => token,
            Some(Err(error)) => return Err(self.unreadable(error)),
            None => return Err(Refused::by(self.policy.missing, NotLocked::Missing)),
        };
        match self.redsync.adopt(&token).await {
            Ok(guard) => Ok(Locked { token, guard }),
            Err(error) => self.without(message, token, error).await,
        }
    }

    fn unreadable(&self, error: TokenError) -> Refused {
        let is_forged = matches!(error, TokenError::Unsigned | TokenError::UnknownKey | TokenError::Forged);
        match is_forged {
            true => Refused::by(self.policy.forged, NotLocked::Forged(error)),
            false => Refused::by(self.policy.damaged, NotLocked::Damaged(error)),
        }
    }

    async fn without<M: Message>(
        &self,
        message: &M,
        token: LockToken,
        error: Error,
    ) -> Result<Locked, Refused> {
        if error.kind() == ErrorKind::Expired {
            return match message.is_redelivered() {
                true => self.otherwise(self.policy.abandoned, token, NotLocked::Abandoned(error)).await,
                false => self.otherwise(self.policy.expired, token, NotLocked::Expired(error)).await,
            };
        }
        Err(self.later(&token, error))
    }

    /// No lock now, but perhaps when whoever has it is done.
    fn later(&self, token: &LockToken, error: Error) -> Refused {
        let kind = error.kind();
        let (after, why) = if kind == ErrorKind::AlreadyAdopted {
            (token.ttl(), NotLocked::AlreadyAdopted(error))
        } else if kind == ErrorKind::Taken {
            (token.ttl(), NotLocked::Taken(error))
        } else {
            (self.policy.retry_after, NotLocked::Unreachable(error))
        };
        Refused { told: Told::ToDeliverAgain(after), why }
    }

    async fn otherwise(
        &self,
        otherwise: Otherwise,
        token: LockToken,
        why: NotLocked,
    ) -> Result<Locked, Refused> {
        if otherwise != Otherwise::LockAnew {
            return Err(Refused::by(otherwise, why));
        }
        let mutex = self.redsync.mutex(token.name()).ttl(token.ttl());
        let mutex = if token.fence().is_some() { mutex.fenced() } else { mutex };
        match mutex.lock().await {
            Ok(guard) => Ok(Locked { token, guard }),
            Err(error) => Err(self.later(&token, error)),
        }
    }
}

/// A job's lock, and the token that it goes back to where the job fails.
struct Locked {
    token: LockToken,
    guard: Guard,
}

/// No lock, and what to tell the broker.
struct Refused {
    why: NotLocked,
    told: Told,
}

impl Refused {
    fn by(otherwise: Otherwise, why: NotLocked) -> Self {
        let told = match otherwise {
            Otherwise::DeadLetter | Otherwise::LockAnew => Told::DeadLettered,
            Otherwise::Drop => Told::Acknowledged,
        };
        Self { why, told }
    }
}

async fn tell<M: Message>(message: &M, told: Told, why: &NotLocked) -> Result<Told, M::Error> {
    match told {
        Told::Acknowledged => message.acknowledge().await?,
        Told::ToDeliverAgain(after) => message.deliver_again(after).await?,
        Told::DeadLettered => message.dead_letter(&why.to_string()).await?,
    }
    Ok(told)
}

/// Says whether it was. Otherwise it goes on in the background.
async fn released(guard: Guard) -> bool {
    let released = guard.release().await;
    released.is_ok()
}

/// Says whether the token is good again. Otherwise the lock is left to its TTL, since the token may be.
async fn handed_back(guard: Guard, token: &LockToken) -> bool {
    match guard.hand_back(token).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(lock = token.name(), %error, "a lock did not go back to its token");
            error.into_guard().leave();
            false
        }
    }
}
