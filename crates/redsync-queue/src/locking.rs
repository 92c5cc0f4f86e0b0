//! How a worker comes by the lock of a message, or what becomes of the message without.

use redsync_core::{Error, ErrorKind, Guard, LockToken, TokenError};

use crate::{Discard, Message, NotLocked, Otherwise, Told, Worker};

/// A job's lock, and the token that it goes back to where the job fails.
pub(crate) struct Locked {
    pub(crate) token: LockToken,
    pub(crate) guard: Guard,
}

/// No lock, and what to tell the broker.
pub(crate) struct Refused {
    pub(crate) why: NotLocked,
    pub(crate) told: Told,
}

impl Worker {
    pub(crate) async fn lock<M: Message>(
        &self,
        message: &M,
        token: Option<Result<LockToken, TokenError>>,
    ) -> Result<Locked, Refused> {
        let token = match token {
            Some(Ok(token)) => token,
            Some(Err(error)) => return Err(self.unreadable(error)),
            None => return Err(Refused::by(self.policy.missing, NotLocked::Missing)),
        };
        match self.mutex(&token).adopt(&token).await {
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
        let (otherwise, why) = match (error.kind(), message.is_redelivered()) {
            (ErrorKind::InvalidOption, _) => {
                return Err(Refused::by(self.policy.foreign, NotLocked::Foreign(error)));
            }
            // What is somebody else's by now has ended before.
            (ErrorKind::Expired | ErrorKind::Taken, false) => {
                (self.policy.expired, NotLocked::Expired(error))
            }
            (ErrorKind::Expired | ErrorKind::Taken, true) => {
                (self.policy.abandoned, NotLocked::Abandoned(error))
            }
            _ => return Err(self.later(&token, error)),
        };
        match otherwise {
            Otherwise::DeadLetter => Err(Refused { why, told: Told::DeadLettered }),
            Otherwise::Drop => Err(Refused { why, told: Told::Acknowledged }),
            Otherwise::LockAnew => self.anew(message, token).await,
        }
    }

    /// No lock now, but perhaps when whoever has it is done.
    fn later(&self, token: &LockToken, error: Error) -> Refused {
        let kind = error.kind();
        let (after, why) = if kind == ErrorKind::AlreadyAdopted {
            (token.ttl(), NotLocked::AlreadyAdopted(error))
        } else if matches!(kind, ErrorKind::Taken | ErrorKind::HeldUnderThisValue) {
            (token.ttl(), NotLocked::Taken(error))
        } else {
            (self.policy.retry_after, NotLocked::Unreachable(error))
        };
        Refused { told: Told::ToDeliverAgain(after), why }
    }

    async fn anew<M: Message>(&self, message: &M, token: LockToken) -> Result<Locked, Refused> {
        let mutex = self.mutex(&token);
        let mutex = if token.fence().is_some() { mutex.fenced() } else { mutex };
        // Whoever has it is waited for in the queue.
        let guard = match mutex.try_lock().await {
            Ok(guard) => guard,
            Err(error) => return Err(self.later(&token, error)),
        };
        match message.is_settled().await {
            Ok(false) => Ok(Locked { token, guard }),
            // Its worker has acknowledged it before he released the lock.
            Ok(true) => {
                drop(guard);
                Err(Refused { why: NotLocked::Settled, told: Told::Nothing })
            }
            Err(error) => {
                tracing::warn!(%error, "a broker did not say whether a message was settled");
                Ok(Locked { token, guard })
            }
        }
    }
}

impl Refused {
    fn by(discard: Discard, why: NotLocked) -> Self {
        let told = match discard {
            Discard::DeadLetter => Told::DeadLettered,
            Discard::Drop => Told::Acknowledged,
        };
        Self { why, told }
    }
}
