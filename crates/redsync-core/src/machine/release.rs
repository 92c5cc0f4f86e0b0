//! [`Release`]: gives a lock back on every node, and says whether it was still held.

use std::{collections::VecDeque, time::Duration};

use super::{
    Action, Event, GaveUp, Ids, Machine, NodeSet, Quorum, RequestId, Resend, Source,
    phase::{Pacer, Phase},
    sweep::{Found, Sweep},
    task::{Former, Task},
};
use crate::{Answer, Delay, Moment, Ttl, Value, wire::Command};

/// What a [`Release`] is to do.
#[derive(Clone, Debug)]
pub struct ReleasePlan {
    /// How many nodes there are and how many make a quorum.
    pub quorum: Quorum,
    /// What to delete.
    pub value: Value,
    /// The value that the lock was adopted from, to be deleted as well.
    pub former: Option<Former>,
    /// Whether rivals may use the same value.
    pub exact: bool,
    /// When a delete may be sent again.
    pub resend: Resend,
    /// The nodes that may hold the value.
    pub asked: NodeSet,
    /// The nodes where a missing key does not tell that the lock was gone: their client may send a request twice, or
    /// an earlier release of ours went there.
    pub may_be_deleted: NodeSet,
    /// The TTL of the lock. After that, clean-up is pointless at most nodes, and another one who wanted to adopt the lock
    /// with the same TTL has set back what he has rotated.
    pub ttl: Ttl,
    /// The nodes where the value was set anew, by a hand-over that has failed: that they hold it does not tell that they did.
    pub refilled: NodeSet,
    /// The nodes where keys may stand for longer, and until when they may.
    pub lasting: NodeSet,
    /// See [`lasting`](Self::lasting).
    pub lasts_until: Moment,
    /// How long to wait for the nodes' replies in a round.
    pub node_timeout: Duration,
    /// The most rounds that the caller waits for, at least 1.
    pub tries: u32,
    /// The pause between two rounds.
    pub delay: Delay,
    /// When to let the caller go, whatever the rounds are at.
    pub deadline: Option<Moment>,
}

/// What a release found. In each case the lock is free, as far as it was ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Released {
    /// A quorum held the lock until now.
    Held,
    /// The lock was gone already: it expired, or somebody else released it. Its work may have overlapped with
    /// another holder's.
    AlreadyGone,
    /// The lock is free now, but too many replies were lost to tell whether it was held until now.
    Unclear,
    /// The guard's validity was over, or too nearly so for a request to arrive in time, and its value is one that
    /// rivals may use too. Nothing was sent, since what would be deleted could be theirs; what is left of
    /// our keys ends with their TTL.
    Expired,
}

/// What has become of the deletes by which a lock is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deletes {
    /// The nodes where one is on its way.
    pub under_way: NodeSet,
    /// The nodes where one has found the value, and removed it.
    pub done: NodeSet,
}

impl Deletes {
    /// What is known when one release after another tells of its own.
    #[must_use]
    pub const fn then(self, later: Self) -> Self {
        Self { under_way: later.under_way, done: self.done.union(later.done) }
    }

    /// The same where at these nodes the value may be set more than once, by an extension or by a client that sends requests
    /// again: that it was deleted there does not tell that it is gone for good.
    #[must_use]
    pub const fn unproven_at(self, nodes: NodeSet) -> Self {
        Self { under_way: self.under_way, done: self.done.without(nodes) }
    }
}

/// Why and how a [`Release`] failed: too few nodes could be reached. Where the value is ours alone the
/// clean-up goes on.
#[derive(Clone, Debug)]
pub struct ReleaseFailure {
    /// What ended it.
    pub gave_up: GaveUp,
    /// How many rounds there were.
    pub tries: u32,
    /// What each node answered last.
    pub answers: Vec<Answer>,
    /// Of a value that rivals may use too: the nodes where it certainly still stands. Nothing more is sent there,
    /// so that it can be tried again. Where a reply was lost it must not be.
    pub not_deleted: NodeSet,
}

/// Releases a lock.
///
/// [`Event::Cancel`] lets the caller go; the release itself goes on.
#[derive(Clone, Debug)]
pub struct Release<S = Box<dyn Source>> {
    plan: ReleasePlan,
    source: S,
    ids: Ids,
    phase: Phase,
    tries: u32,
    sweep: Sweep,
    outbox: VecDeque<(RequestId, Command)>,
    result: Option<Result<Released, ReleaseFailure>>,
    /// Whether the lock's TTL is over.
    lingers: bool,
    pacer: Pacer,
}

impl<S: Source> Release<S> {
    /// Starts at `now` with the first round.
    pub fn new(plan: ReleasePlan, source: S, now: Moment) -> Self {
        let task = Task::Delete { value: plan.value.clone(), former: plan.former.clone() };
        let mut sweep = Sweep::new(task, plan.quorum.nodes(), plan.resend);
        sweep.expect_deleted(plan.may_be_deleted);
        plan.asked.iter().for_each(|node| sweep.want(node));
        let mut machine = Self {
            phase: Phase::Asking { until: now.plus(plan.node_timeout) },
            source,
            ids: Ids::default(),
            tries: 1,
            sweep,
            outbox: VecDeque::with_capacity(plan.asked.len()),
            result: None,
            lingers: false,
            pacer: Pacer::new(),
            plan,
        };
        machine.collect(now);
        if machine.plan.exact && machine.outbox.is_empty() {
            // Where no node is known to have it any more, that is not a matter of time.
            let released = if machine.plan.asked.is_empty() { Released::Unclear } else { Released::Expired };
            machine.end_call(Ok(released), now);
        }
        machine
    }

    /// Ends the call if the answers so far are certain, or if those to come can make nothing certain.
    fn decide(&mut self, now: Moment) {
        let held = self.sweep.found(Found::Held).without(self.plan.refilled).len();
        let not_held = self.sweep.found(Found::NotHeld).len();
        if let Some(released) = self.judge(held, not_held) {
            return self.end_call(Ok(released), now);
        }
        let open = self.plan.asked.len().saturating_sub(self.free());
        let may_be_judged = self.judge(held + open, not_held).or(self.judge(held, not_held + open)).is_some();
        let nothing_on_its_way = self.sweep.sent().is_empty();
        if self.is_free() && !may_be_judged {
            self.end_call(Ok(Released::Unclear), now);
        } else if nothing_on_its_way && self.sweep.retriable().is_empty() {
            self.conclude(GaveUp::Tries, now);
        } else if nothing_on_its_way && matches!(self.phase, Phase::Asking { .. }) {
            self.end_round(now);
        }
    }

    /// What is certain when so many nodes held the lock, and so many did not.
    fn judge(&self, held: usize, not_held: usize) -> Option<Released> {
        let (asked, needed) = (self.plan.asked.len(), self.plan.quorum.needed());
        if held >= needed {
            Some(Released::Held)
        } else if self.can_be_held() && asked.saturating_sub(not_held) < needed {
            Some(Released::AlreadyGone)
        } else {
            None
        }
    }

    /// How many nodes certainly do not hold the value now.
    fn free(&self) -> usize {
        [Found::Held, Found::NotHeld, Found::GoneNow].map(|found| self.sweep.found(found).len()).iter().sum()
    }

    /// Whether these are so many that no quorum of ours is left.
    fn is_free(&self) -> bool {
        self.free() >= self.plan.quorum.needed().min(self.plan.asked.len())
    }

    /// Whether the nodes to ask are a quorum, and not just what an earlier release has left.
    fn can_be_held(&self) -> bool {
        self.plan.asked.len() >= self.plan.quorum.needed()
    }

    fn end_round(&mut self, now: Moment) {
        if self.tries >= self.plan.tries || self.sweep.unconfirmed().is_empty() {
            return self.conclude(GaveUp::Tries, now);
        }
        let until = now.plus(self.plan.delay.after(self.tries, self.source.random()));
        if self.plan.deadline.is_some_and(|deadline| deadline <= until) {
            return self.conclude(GaveUp::Deadline, now);
        }
        self.phase = Phase::Resting { until };
    }

    fn start_round(&mut self, now: Moment) {
        self.tries = self.tries.saturating_add(1);
        self.sweep.retry();
        self.phase = Phase::Asking { until: now.plus(self.plan.node_timeout) };
    }

    /// Ends the call with what is known by now.
    fn conclude(&mut self, gave_up: GaveUp, now: Moment) {
        if self.is_free() {
            return self.end_call(Ok(Released::Unclear), now);
        }
        let was_cancelled = matches!(gave_up, GaveUp::Cancelled);
        let (tries, answers, not_deleted) = (self.tries, self.sweep.answers(), self.sweep.not_deleted());
        self.end_call(Err(ReleaseFailure { gave_up, tries, answers, not_deleted }), now);
        if self.plan.exact && !was_cancelled {
            // The guard tries again there. A delete that fails only later is ours to repeat.
            self.sweep.leave(not_deleted);
        }
    }

    fn end_call(&mut self, result: Result<Released, ReleaseFailure>, now: Moment) {
        self.result = Some(result);
        self.phase = Phase::settling(now, self.plan.ttl);
    }

    fn on_tick(&mut self, now: Moment) {
        match self.phase {
            Phase::Asking { until } if until <= now => self.end_round(now),
            Phase::Resting { until } if until <= now => self.start_round(now),
            Phase::Settling { until } if until <= now => self.on_ttl_over(now),
            Phase::Settling { .. } if self.pacer.is_due(now) => self.sweep.retry(),
            Phase::Asking { .. } | Phase::Resting { .. } | Phase::Settling { .. } => {}
        }
        if self.phase.is_waited_for() && self.plan.deadline.is_some_and(|deadline| deadline <= now) {
            self.conclude(GaveUp::Deadline, now);
        }
    }

    /// What is left stands where keys may last for longer. Whoever stands where a rival stood has adopted the lock after us.
    fn on_ttl_over(&mut self, now: Moment) {
        let until = self.plan.lasts_until;
        let lasting = if now < until { self.plan.lasting } else { NodeSet::EMPTY };
        self.sweep.leave_to_rivals();
        self.sweep.stop_but_at(lasting);
        self.phase = Phase::Settling { until };
        self.lingers = true;
        self.pacer.slow_down(now);
    }

    /// An unconfirmed delete of a value that rivals may use too is kept in mind, see [`Machine::in_doubt`].
    fn is_settled(&self) -> bool {
        self.sweep.is_settled() && (!self.plan.exact || self.sweep.unconfirmed().is_empty())
    }

    fn collect(&mut self, now: Moment) {
        self.outbox.extend(std::iter::from_fn(|| self.sweep.next_request(&mut self.ids, now)));
        if matches!(self.phase, Phase::Settling { .. }) && !self.sweep.retriable().is_empty() {
            self.pacer.arm(now);
        }
    }
}

impl<S: Source> Machine for Release<S> {
    type Output = Result<Released, ReleaseFailure>;

    const NAME: &'static str = "release";

    fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Reply { id, outcome } => {
                if self.sweep.answer(id, &outcome) && self.phase.is_waited_for() {
                    self.decide(now);
                }
            }
            Event::Tick => self.on_tick(now),
            Event::Cancel if self.phase.is_waited_for() => self.conclude(GaveUp::Cancelled, now),
            // Failed, and nobody has seen it: there is no guard that would try again.
            Event::Cancel if matches!(self.result, Some(Err(_))) => self.sweep.take_back(),
            Event::Cancel | Event::HandedBack | Event::Deletes(_) | Event::MayBeFree => {}
        }
        self.collect(now);
        // What failed may not be sent again any more, and no answer is to come.
        if self.phase.is_waited_for() && self.sweep.is_settled() {
            self.conclude(GaveUp::Validity, now);
        }
    }

    fn poll(&mut self) -> Action<Self::Output> {
        if let Some((id, command)) = self.outbox.pop_front() {
            return Action::Send { id, command };
        }
        if let Some(result) = self.result.take() {
            return Action::Done(result);
        }
        self.phase.wait(self.is_settled(), &self.pacer, self.plan.deadline)
    }

    fn lingers(&self) -> bool {
        self.lingers
    }

    /// Where another value goes with it, nobody can tell which of the two was found.
    fn deletes(&self) -> Deletes {
        let done = if self.plan.former.is_none() { self.sweep.found(Found::Held) } else { NodeSet::EMPTY };
        Deletes { under_way: self.sweep.sent(), done }
    }

    fn in_doubt(&self) -> Vec<(Value, NodeSet)> {
        if self.plan.exact { vec![(self.plan.value.clone(), self.sweep.unconfirmed())] } else { Vec::new() }
    }
}
