//! The timers that are set, by deadline.

use std::{collections::BTreeMap, task::Waker};

use redsync_core::Moment;

/// Names one timer: its deadline, then the order in which the timers were set.
pub(super) type TimerKey = (Moment, u64);

/// The wakers that wait for a moment. A waker that was taken out is handed to the caller, because dropping it
/// may drop a future that gives back a timer of its own.
#[derive(Default)]
pub(super) struct Timers {
    wakers: BTreeMap<TimerKey, Waker>,
    set_so_far: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Moment, waker: Waker) -> TimerKey {
        self.set_so_far += 1;
        let key = (at, self.set_so_far);
        self.wakers.insert(key, waker);
        key
    }

    pub(super) fn replace(&mut self, key: TimerKey, waker: &Waker) -> Option<Waker> {
        match self.wakers.get_mut(&key) {
            Some(old) if old.will_wake(waker) => None,
            Some(old) => Some(std::mem::replace(old, waker.clone())),
            None => self.wakers.insert(key, waker.clone()),
        }
    }

    pub(super) fn remove(&mut self, key: TimerKey) -> Option<Waker> {
        self.wakers.remove(&key)
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.wakers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out the wakers whose deadline is `now` or earlier, the earliest first.
    pub(super) fn take_due(&mut self, now: Moment) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(timer) = self.wakers.first_entry().filter(|timer| timer.key().0 <= now) {
            due.push(timer.remove());
        }
        due
    }
}
