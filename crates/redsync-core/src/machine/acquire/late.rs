//! [`Late`]: grants that are heard of after the lock was given back.

use std::time::Duration;

use crate::{
    Moment,
    machine::{Action, Deletes, NodeSet, attempt::Attempt, phase::Phase},
};

/// What is known of the release, and how long more is waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct Late {
    /// What has become of the deletes by which the lock is given back.
    pub(super) deletes: Deletes,
    waits_until: Option<Moment>,
}

impl Late {
    /// Has removed what was granted late and the release has not found.
    ///
    /// The release has no more time to answer than others, nor more than leaves time to act on it: where it has overtaken what
    /// set the value, and its own answer is lost, the value stands.
    pub(super) fn judge(&mut self, attempts: &mut [Attempt], phase: Phase, timeout: Duration, now: Moment) {
        attempts.iter_mut().for_each(|attempt| attempt.judge_late_grants(self.deletes));
        if !attempts.iter().any(Attempt::has_late_grants) {
            self.waits_until = None;
            return;
        }
        let until = *self.waits_until.get_or_insert(now.plus(timeout));
        if until <= now || matches!(phase, Phase::Settling { until: end } if end <= until) {
            let answered = Deletes { under_way: NodeSet::EMPTY, ..self.deletes };
            attempts.iter_mut().for_each(|attempt| attempt.judge_late_grants(answered));
            self.waits_until = None;
        }
    }

    /// What there is to wait for, where the release is waited for as well.
    pub(super) fn wait_or<T>(&self, wait: Action<T>) -> Action<T> {
        match (wait, self.waits_until) {
            (Action::WaitUntil(at, reason), Some(until)) => Action::WaitUntil(at.min(until), reason),
            (wait, _) => wait,
        }
    }
}
