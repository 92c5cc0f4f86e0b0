//! How a caller hands its locks over, adopts those of others, and hands them back.

use std::{sync::Arc, time::Duration};

use redsync_core::{ErrorKind, Guard, LockToken, Runtime};

use super::{
    super::{
        event::{Fault, HandedOver, Op, Place, What},
        queue::{Delivery, Message},
    },
    Caller, Holding, Terms,
    calls::{failed, kept},
    ms,
};

impl Caller {
    /// Takes a token out of the queue after some time, and carries its lock on.
    pub(in super::super) async fn consume(mut self, after: Duration) {
        self.stage.wait(after).await;
        self.work().await;
    }

    /// Adopts what the queue delivers.
    pub(super) async fn work(&mut self) {
        let queue = &self.stage.queue;
        let delivery = queue.deliver(self.stage.index(queue.len()), self.stage.once_in(2));
        let Some(Delivery { message, is_repeated }) = delivery else { return };
        if is_repeated {
            self.record(What::Fault(Fault::Redeliver, Place::Process(self.desk.number)));
        }
        if let Some(holding) = self.adopt(&message).await {
            self.hold(holding).await;
        } else if self.stage.once_in(2) {
            self.stage.publish(message);
        }
    }

    async fn adopt(&mut self, message: &Message) -> Option<Holding> {
        let Message { number, token } = message;
        let revives = self.stage.once_in(3);
        let is_renewed = self.stage.once_in(6);
        let mutex = self.options(self.desk.client.mutex(token.name()));
        let mutex = mutex.revive_on_extend(revives).auto_extend(is_renewed);
        self.record(What::Adopts { token: *number });
        let adopted = if self.stage.once_in(4) {
            self.call_and_drop(Op::Adopt, token.name(), mutex.adopt(token), failed).await?
        } else {
            self.call(Op::Adopt, token.name(), mutex.adopt(token), failed).await?
        };
        match adopted {
            Ok(guard) => {
                let (lock, is_fenced) = (self.stage.next_lock(), token.fence().is_some());
                let terms = Terms { fixed: None, revives: true, is_renewed, is_fenced, token: Some(*number) };
                self.granted(lock, &guard, terms);
                let message = Some(message.clone());
                Some(Holding { guard, lock, mutex, by_value: false, travels: true, is_renewed, message })
            }
            Err(error) => {
                self.record(What::NotAdopted { token: *number, kind: error.kind() });
                None
            }
        }
    }

    /// Puts the lock into the queue.
    pub(super) async fn hand_over(&self, holding: Holding) {
        let Holding { guard, lock, .. } = holding;
        let name: Arc<str> = Arc::from(guard.name());
        let (wait, stalled) =
            (ms(1) + self.stage.up_to(self.stage.plan.wait), self.desk.process.stalled_for());
        let call = guard.hand_over(wait);
        let handed_over = if self.stage.once_in(6) {
            self.record(What::GivenUp { lock });
            self.call_and_drop(Op::HandOver, &name, call, kept).await
        } else {
            self.call(Op::HandOver, &name, call, kept).await
        };
        match handed_over {
            Some(Ok(token)) => {
                // A process that stands still meanwhile comes late to its own token.
                let stalled = self.desk.process.stalled_for().saturating_sub(stalled);
                self.publish(lock, token, self.world_time(wait).saturating_sub(stalled));
            }
            Some(Err(error)) => {
                if error.kind() == ErrorKind::Lost {
                    self.record(What::Lost { lock });
                }
                let guard = error.into_guard();
                self.kept(lock, Op::HandOver, &guard);
                self.release(guard, lock).await;
            }
            None => {}
        }
    }

    fn publish(&self, lock: u32, token: LockToken, wait: Duration) {
        let number = self.stage.next_token();
        let now = self.desk.process.wall_clock();
        let valid_for = self.world_time(token.expires().duration_since(now).unwrap_or_default());
        let (name, value) = (Arc::from(token.name()), Arc::from(token.value()));
        let handed_over = HandedOver { lock, token: number, name, value, wait, valid_for };
        self.record(What::HandedOver(handed_over));
        self.stage.publish(Message { number, token });
    }

    /// The token that the lock came from, or any other where it came from none.
    pub(super) fn token_to_go_back_to(&self, holding: &Holding) -> Option<Message> {
        let any = || self.stage.queue.about(holding.guard.name()).filter(|_| holding.travels);
        holding.message.clone().or_else(any)
    }

    /// Gives the lock back to the token, and the token to the queue.
    pub(super) async fn hand_back(&self, mut guard: Guard, lock: u32, message: Message) {
        let name: Arc<str> = Arc::from(guard.name());
        self.record(What::GivenUp { lock });
        for _ in 0..2 {
            self.record(What::HandsBack { lock, token: message.number });
            let call = guard.hand_back(&message.token);
            let handed_back = if self.stage.once_in(5) {
                self.call_and_drop(Op::HandBack, &name, call, kept).await
            } else {
                self.call(Op::HandBack, &name, call, kept).await
            };
            guard = match handed_back {
                Some(Ok(())) => {
                    self.record(What::HandedBack { token: message.number });
                    return self.stage.publish(message);
                }
                Some(Err(error)) => error.into_guard(),
                None => return,
            };
            self.kept(lock, Op::HandBack, &guard);
        }
        self.release(guard, lock).await;
    }
}
