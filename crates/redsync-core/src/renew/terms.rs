//! [`Terms`]: when a lock is to be extended, and when it is told to be lost.

use std::time::Duration;

use crate::{Loss, Moment, held::Held, options::Settings};

/// The times of a held lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    margin: Duration,
    limit: Option<Moment>,
    /// How long before the end of its validity a lock is extended.
    lead: Duration,
    /// How much earlier it is extended in order to go with others.
    pub(super) window: Duration,
    /// The pause after an extension that failed.
    pub(super) pause: Duration,
}

/// How it stands with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Lost(Loss),
    /// Unless something happens before, it is lost then.
    HeldUntil(Moment),
}

/// In a pause after a failure a lost connection is replaced; where one takes longer there are more tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The precision of most timers.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

impl Terms {
    /// The terms of a lock that is held since `begun`.
    pub(super) fn new(settings: &Settings, begun: Moment) -> Self {
        let (ttl, margin) = (settings.ttl.as_duration(), settings.loss_margin);
        let validity = settings.drift.validity(settings.ttl);
        // Where drift and margin leave less than a third of the TTL, the first half of that.
        let pace = (ttl / 3).min(validity.saturating_sub(margin) / 2).max(SHORTEST_PAUSE);
        let window = ttl / 30;
        Self {
            margin,
            limit: settings.max_hold.map(|limit| begun.plus(limit)),
            lead: validity.saturating_sub(pace),
            window,
            pause: window.clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
        }
    }

    /// How it stands with the lock at `now`.
    pub(super) fn standing(&self, held: &Held, now: Moment) -> Standing {
        let (loss, valid_until) = held.standing();
        if let Some(loss) = loss {
            return Standing::Lost(loss);
        }
        let end = valid_until.minus(self.margin);
        let (end, loss) = match self.limit {
            Some(limit) if limit <= end => (limit, Loss::LimitReached),
            Some(_) | None => (end, Loss::Expiring),
        };
        if end <= now { Standing::Lost(loss) } else { Standing::HeldUntil(end) }
    }

    /// When to extend the lock next, not before `earliest`; `None` when there is no point in it any more.
    pub(super) fn due(&self, held: &Held, earliest: Moment) -> Option<Moment> {
        let (loss, valid_until) = held.standing();
        let at = valid_until.minus(self.lead).max(earliest);
        let is_long_enough =
            self.limit.is_some_and(|limit| limit <= at || limit <= valid_until.minus(self.margin));
        (loss.is_none() && at < valid_until && !is_long_enough).then_some(at)
    }
}
