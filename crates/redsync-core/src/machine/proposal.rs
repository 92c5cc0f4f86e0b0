//! [`Proposal`]: the fencing number that a call proposes to the nodes.

use crate::Moment;

/// A fencing number that goes with the time, as the wall clock does that it was read from.
///
/// Who has waited for a lock must not propose the time when the waiting began: where the counter was lost meanwhile, a
/// holder of that time would have had the higher number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proposal {
    first: u64,
    begun: Moment,
}

impl Proposal {
    pub(super) const fn new(first: u64, begun: Moment) -> Self {
        Self { first, begun }
    }

    /// What to propose at `now`.
    pub(super) fn at(self, now: Moment) -> u64 {
        let elapsed = u64::try_from(now.since(self.begun).as_micros()).unwrap_or(u64::MAX);
        self.first.saturating_add(elapsed)
    }
}
