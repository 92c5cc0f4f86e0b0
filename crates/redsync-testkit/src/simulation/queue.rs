//! [`Queue`]: tokens on their way, delivered at least once each and in no order, as by every real queue.

use std::sync::Mutex;

use redsync_core::LockToken;

use crate::virtual_time::lock;

/// How many messages the queue keeps. What it would have to keep beyond that is lost, the oldest first.
const CAPACITY: usize = 6;

/// A token on its way.
#[derive(Clone)]
pub(super) struct Message {
    /// The token's number.
    pub(super) number: u32,
    pub(super) token: LockToken,
}

/// A message that was delivered, and whether it has been before.
pub(super) struct Delivery {
    pub(super) message: Message,
    pub(super) is_repeated: bool,
}

/// What everybody hands locks over by.
#[derive(Default)]
pub(super) struct Queue(Mutex<Vec<Waiting>>);

struct Waiting {
    message: Message,
    was_delivered: bool,
}

impl Queue {
    /// Puts a message into the queue.
    pub(super) fn push(&self, message: Message) {
        let mut waiting = lock(&self.0);
        waiting.push(Waiting { message, was_delivered: false });
        let too_many = waiting.len().saturating_sub(CAPACITY);
        waiting.drain(..too_many);
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// Delivers a message, and keeps it for another time or not.
    pub(super) fn deliver(&self, place: usize, keeps: bool) -> Option<Delivery> {
        let mut waiting = lock(&self.0);
        let Waiting { message, was_delivered } = waiting.get_mut(place)?;
        let is_repeated = std::mem::replace(was_delivered, true);
        let message = message.clone();
        if !keeps {
            waiting.remove(place);
        }
        Some(Delivery { message, is_repeated })
    }

    /// The token of a message about the lock of this name.
    pub(super) fn about(&self, name: &str) -> Option<Message> {
        let waiting = lock(&self.0);
        waiting.iter().map(|waiting| &waiting.message).find(|message| message.token.name() == name).cloned()
    }
}
