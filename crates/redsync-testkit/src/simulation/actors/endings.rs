//! How a caller gives its locks back.

use std::sync::Arc;

use redsync_core::{Guard, Mutex};

use super::{
    super::event::{Op, Outcome, What},
    Caller, Holding,
    calls::{failed, released, unlocked},
};

impl Caller {
    pub(super) async fn give_back(&self, holding: Holding) {
        // What a dropped extension has asked for may be on its way, and its clean-up with it.
        if self.stage.once_in(6) {
            self.extend_once(&holding, true).await;
        }
        match self.stage.pick(12) {
            0..=2 => self.let_go(holding).await,
            3 | 4 if holding.by_value => self.unlock(holding).await,
            5..=8 if holding.travels => self.hand_over(holding).await,
            9 | 10 => match self.token_to_go_back_to(&holding) {
                Some(message) => self.hand_back(holding.guard, holding.lock, message).await,
                None => self.release(holding.guard, holding.lock).await,
            },
            _ => self.release(holding.guard, holding.lock).await,
        }
    }

    /// Ends the guard without hearing what came of it.
    async fn let_go(&self, Holding { guard, lock, .. }: Holding) {
        let name: Arc<str> = Arc::from(guard.name());
        match self.stage.pick(3) {
            0 => {
                self.record(What::GivenUp { lock });
                self.call(Op::Drop, &name, async { drop(guard) }, |()| Outcome::Ok).await;
            }
            // The lock stays, and nobody gets it before its time.
            1 => drop(self.call(Op::Leave, &name, async { guard.leave() }, |()| Outcome::Ok).await),
            _ => {
                self.record(What::GivenUp { lock });
                self.call_and_drop(Op::Release, &name, guard.release(), released).await;
            }
        }
    }

    /// Extends by the value alone, as another process would.
    pub(super) async fn extend_by_value(&self, mutex: &Mutex) {
        self.call(Op::ExtendByValue, mutex.name(), mutex.extend(), failed).await;
    }

    /// Extends and releases by the value alone, as another process would.
    async fn unlock(&self, holding: Holding) {
        let Holding { mutex, lock, .. } = &holding;
        if self.stage.once_in(2) {
            self.extend_by_value(mutex).await;
        }
        self.record(What::GivenUp { lock: *lock });
        let unlocked = self.call(Op::Unlock, mutex.name(), mutex.unlock(), unlocked).await;
        if let Some(Ok(released)) = unlocked {
            self.record(What::Released { lock: *lock, released });
        }
        self.go_on_without_it(holding).await;
    }

    /// A guard whose lock was released by its value.
    async fn go_on_without_it(&self, holding: Holding) {
        if self.stage.once_in(2) {
            self.extend_once(&holding, false).await;
        }
        let Holding { guard, mutex, .. } = holding;
        if self.stage.once_in(2) {
            drop(self.call(Op::Release, mutex.name(), guard.release(), released).await);
        } else {
            guard.leave();
        }
    }

    /// Releases until that succeeds, or three times.
    pub(super) async fn release(&self, mut guard: Guard, lock: u32) {
        self.record(What::GivenUp { lock });
        let name: Arc<str> = Arc::from(guard.name());
        for _ in 0..3 {
            guard = match self.call(Op::Release, &name, guard.release(), released).await {
                Some(Ok(released)) => return self.record(What::Released { lock, released }),
                Some(Err(error)) => error.into_guard(),
                None => return,
            };
            self.kept(lock, Op::Release, &guard);
        }
    }

    /// A call has given the guard back that it would have ended.
    pub(super) fn kept(&self, lock: u32, op: Op, guard: &Guard) {
        let valid_for = self.world_time(guard.valid_for());
        self.record(What::Kept { lock, op, valid_for });
    }
}
