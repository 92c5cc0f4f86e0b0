//! [`Limits`]: how long a caller's calls may take.

use std::time::Duration;

use super::super::event::Op;

/// How long calls may take, by the process's clock.
#[derive(Clone, Copy, Default)]
pub(super) struct Limits {
    lock: Duration,
    extend: Duration,
    extend_by_value: Duration,
    release: Duration,
}

impl Limits {
    /// The same for all.
    pub(super) fn deadline(deadline: Duration) -> Self {
        Self { lock: deadline, extend: deadline, extend_by_value: deadline, release: deadline }
    }

    /// So many tries of this length, by what is called.
    pub(super) fn tries(each: Duration, lock: u32, extend: u32, release: u32) -> Self {
        let (lock, extend_by_value, release) = (lock * each, extend * each, release * each);
        // A guard's extension begins anew once where another one has succeeded meanwhile; each try of a hand-over may
        // have a second question, for the nodes that missed the lock.
        let extend = 2 * extend_by_value;
        Self { lock, extend, extend_by_value, release }
    }

    /// So much longer for each try of what draws a fencing number.
    pub(super) fn raising(self, raises: Duration, lock: u32) -> Self {
        Self { lock: self.lock + lock * raises, ..self }
    }

    /// How long a call may take.
    pub(super) fn of(self, op: Op) -> Duration {
        match op {
            Op::Lock | Op::TryLock | Op::LockUnless | Op::Adopt => self.lock,
            Op::Extend | Op::HandOver => self.extend,
            // One extension of its own, and nothing that begins anew.
            Op::ExtendByValue => self.extend_by_value,
            Op::Release | Op::Drop | Op::Leave | Op::Unlock | Op::HandBack => self.release,
        }
    }
}
