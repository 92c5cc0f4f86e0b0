//! What one attempt writes into the contender's log.

use std::io;

use redsync_core::{Error, Guard, Released};

use crate::{
    clock,
    log::{Call, Event, Log},
    terms::DEADLINE,
};

/// Writes down what happens to one attempt.
pub(super) struct Diary<'a> {
    pub(super) log: &'a Log,
    pub(super) attempt: u64,
    pub(super) name: &'a str,
}

impl Diary<'_> {
    pub(super) fn began(&self, call: Call) -> io::Result<()> {
        self.note(Event::Began { call, name: self.name.to_owned(), deadline: clock::nanos(DEADLINE) })
    }

    pub(super) fn locked(&self, guard: &Guard) -> io::Result<()> {
        self.note(Event::Locked { valid_until: valid_until(guard), value: guard.value().to_owned() })
    }

    pub(super) fn extended(&self, guard: &Guard) -> io::Result<()> {
        self.note(Event::Extended { valid_until: valid_until(guard) })
    }

    pub(super) fn released(&self, released: Released) -> io::Result<()> {
        if matches!(released, Released::Held) {
            return self.note(Event::ReleasedHeld);
        }
        self.note(Event::ReleasedOtherwise { how: format!("{released:?}") })
    }

    pub(super) fn failed(&self, error: &Error) -> io::Result<()> {
        self.note(Event::Failed { kind: format!("{:?}", error.kind()), text: error.to_string() })
    }

    pub(super) fn note(&self, event: Event) -> io::Result<()> {
        self.log.write(self.attempt, event).map(drop)
    }
}

/// Returns until when the guard claims to be valid, or an earlier moment where the process was stopped in here; zero
/// when it is not valid.
fn valid_until(guard: &Guard) -> u64 {
    let now = clock::now();
    let left = guard.valid_for();
    if left.is_zero() { 0 } else { now + clock::nanos(left) }
}
