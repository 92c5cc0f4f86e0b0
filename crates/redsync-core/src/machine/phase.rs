//! [`Phase`]: what a machine is at, and [`Pacer`]: when it sends again what failed in the background.

use std::time::Duration;

use super::{Action, WaitReason};
use crate::{Moment, Ttl};

/// What a machine is at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// It waits for the nodes' replies, at most until then.
    Asking { until: Moment },
    /// It pauses between two rounds.
    Resting { until: Moment },
    /// The caller has its result; the rest goes on until then at the longest.
    Settling { until: Moment },
}

impl Phase {
    /// The caller has its result. What was set by now is gone when its TTL is over, so there is nothing to
    /// clean after that.
    pub(super) fn settling(now: Moment, ttl: Ttl) -> Self {
        Self::Settling { until: now.plus(ttl.as_duration()) }
    }

    pub(super) fn is_waited_for(self) -> bool {
        matches!(self, Self::Asking { .. } | Self::Resting { .. })
    }

    /// What there is to wait for: the end of the phase, the pacer, or, while the caller waits, one of `ends`.
    pub(super) fn wait<T>(
        self,
        is_settled: bool,
        pacer: &Pacer,
        ends: impl IntoIterator<Item = Moment>,
    ) -> Action<T> {
        let (until, reason) = match self {
            Self::Asking { until } => (until, WaitReason::Replies),
            Self::Resting { until } => (until, WaitReason::RetryDelay),
            Self::Settling { .. } if is_settled => return Action::Idle,
            Self::Settling { until } => return Action::WaitUntil(pacer.next_or(until), WaitReason::Settling),
        };
        Action::WaitUntil(ends.into_iter().fold(pacer.next_or(until), Moment::min), reason)
    }
}

/// Paces re-sending, with pauses that double up to a limit.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    at: Option<Moment>,
    pause: Duration,
    slow_since: Option<Moment>,
}

impl Pacer {
    /// The first pause: a few round trips within one datacentre, so that a connection that was merely
    /// replaced is used at once.
    const FIRST: Duration = Duration::from_millis(20);
    /// The longest pause. A node that comes back is cleaned within it, and a node that stays away costs one request a
    /// second for each lock.
    const LONGEST: Duration = Duration::from_secs(1);
    /// Once it has slowed down, a pause is this part of the time since. What may last for hours goes on for so long, and
    /// where a node stays away there may be many of it.
    const PART: u32 = 32;

    pub(super) const fn new() -> Self {
        Self { at: None, pause: Self::FIRST, slow_since: None }
    }

    /// Makes sure that a moment to send again is set.
    pub(super) fn arm(&mut self, now: Moment) {
        if self.at.is_none() {
            let slow_for = self.slow_since.map_or(Duration::ZERO, |since| now.since(since));
            self.at = Some(now.plus(self.pause));
            self.pause = self.pause.saturating_mul(2).min(Self::LONGEST.max(slow_for / Self::PART));
        }
    }

    /// Makes the pauses longer from now on.
    pub(super) fn slow_down(&mut self, now: Moment) {
        self.slow_since = Some(now);
    }

    /// Makes sure that the next moment to send again is not after this one.
    pub(super) fn arm_by(&mut self, at: Moment) {
        self.at = Some(self.next_or(at));
    }

    /// Whether the moment has come; then the next one is to be set anew.
    pub(super) fn is_due(&mut self, now: Moment) -> bool {
        self.at.take_if(|at| *at <= now).is_some()
    }

    fn next_or(&self, otherwise: Moment) -> Moment {
        self.at.map_or(otherwise, |at| at.min(otherwise))
    }
}
