//! [`Transfer`]: rotates the value of a lock on a quorum, so that whoever knows the old one has it no more.
//!
//! By it a token is adopted, and handed back. Of several who rotate the same value each node lets one through, so that
//! at most one of them has a quorum. Who has none sets the old value back and tries again with another new one: a late
//! request about a value that was given up then hits nothing of a later try, and no vote for it counts again.

mod blame;
mod plan;

use std::collections::VecDeque;

use self::blame::Blame;
use super::{
    Action, Event, GaveUp, Ids, Lease, Machine, NodeSet, RequestId, Resend, Source, Verdict,
    phase::{Pacer, Phase},
    proposal::Proposal,
    rotation::{Rotation, Turn},
};
use crate::{
    Answer, Moment, Value,
    wire::{Command, Outcome},
};

pub use plan::{TransferCause, TransferFailure, TransferPlan};

/// Rotates the value of a lock.
///
/// [`Event::Cancel`] gives up: before the result it ends the call, after a [`Lease`] it means that the lock was
/// released, so that neither value is to stand anywhere. [`Event::HandedBack`] means that the old value is to
/// stand again.
#[derive(Clone, Debug)]
pub struct Transfer<S = Box<dyn Source>> {
    plan: TransferPlan,
    source: S,
    proposal: Option<Proposal>,
    ids: Ids,
    phase: Phase,
    tries: u32,
    /// The last one is the current or the winning one; those before are being set back.
    rotations: Vec<Rotation>,
    /// Where an earlier value of ours may have stood when the last round was sent.
    ours: NodeSet,
    outbox: VecDeque<(RequestId, Command)>,
    result: Option<Result<Lease, TransferFailure>>,
    won: Option<Moment>,
    /// Whether what was won is to be undone where it comes late.
    is_given_back: bool,
    pacer: Pacer,
}

impl<S: Source> Transfer<S> {
    /// Starts at `now` with the first round.
    pub fn new(plan: TransferPlan, source: S, now: Moment) -> Self {
        let mut machine = Self {
            proposal: plan.counting.proposal().map(|first| Proposal::new(first, now)),
            plan,
            source,
            ids: Ids::default(),
            phase: Phase::Resting { until: now },
            tries: 0,
            rotations: Vec::new(),
            ours: NodeSet::EMPTY,
            outbox: VecDeque::new(),
            result: None,
            won: None,
            is_given_back: false,
            pacer: Pacer::new(),
        };
        machine.begin_rotation();
        machine.start_round(now);
        machine
    }

    fn begin_rotation(&mut self) {
        let to = self.plan.to.clone();
        let turn = Turn {
            from: self.plan.from.clone(),
            to: to.unwrap_or_else(|| self.plan.from.successor(self.source.random())),
            ttl: self.plan.ttl,
            full: self.plan.full,
            counting: self.plan.counting,
            proposal: self.proposal,
        };
        // A value that was given up is never used again, so that setting it back once more does no harm.
        let resend = if self.plan.to.is_some() { self.plan.resend } else { Resend::FRESH };
        self.rotations.push(Rotation::new(turn, self.plan.quorum.nodes(), resend));
    }

    fn start_round(&mut self, now: Moment) {
        if !self.plan.resend.allows_sending(now) {
            return self.fail(TransferCause::GaveUp(GaveUp::Validity), now);
        }
        self.tries = self.tries.saturating_add(1);
        let valid_until = now.plus(self.plan.drift.validity(self.plan.ttl));
        let Some((current, earlier)) = self.rotations.split_last_mut() else { return };
        self.ours = earlier.iter().fold(NodeSet::EMPTY, |nodes, rotation| nodes.union(rotation.in_doubt()));
        // Where a reply was lost, what stands there by now may be a rival's.
        let requests = match self.tries > 1 && !self.plan.resend.after_lost_reply {
            true => current.ask_again(&mut self.ids, now),
            false => current.ask(self.plan.asked, valid_until, &mut self.ids, now),
        };
        self.outbox.extend(requests);
        self.phase = Phase::Asking { until: now.plus(self.plan.node_timeout) };
        self.decide(now, false);
    }

    /// Ends the round if its outcome is certain, or if its time is over.
    fn decide(&mut self, now: Moment, time_is_over: bool) {
        let Some(current) = self.rotations.last() else { return };
        if self.is_proven_lost() {
            return self.fail(TransferCause::Missing, now);
        }
        match self.plan.quorum.verdict(current.tally()) {
            Verdict::Won if !time_is_over && self.may_be_proven_lost() => {}
            Verdict::Won if now >= current.valid_until => self.lose(now),
            Verdict::Won => match current.fence_verdict(self.plan.quorum) {
                Verdict::Won => self.win(now),
                Verdict::Pending if !time_is_over => self.raise(now),
                Verdict::Pending | Verdict::Lost => self.lose(now),
            },
            Verdict::Lost | Verdict::Pending if time_is_over => self.lose_by(self.blame().heard_out(), now),
            Verdict::Lost if self.is_worth_hearing_all() => {}
            Verdict::Lost => self.lose(now),
            Verdict::Pending => {}
        }
    }

    /// Whether so many nodes did not have it, whatever stands there by now, that a rival may have had a quorum.
    fn is_proven_lost(&self) -> bool {
        let refused = self.rotations.last().map(Rotation::refused).unwrap_or_default();
        self.plan.quorum.may_be_rivals(self.plan.refilled, refused)
    }

    /// Whether the nodes that have not answered yet may tell that, though those that have seem to hold it.
    fn may_be_proven_lost(&self) -> bool {
        let may_refuse = |current: &Rotation| current.refused().union(current.open());
        let may_refuse = self.rotations.last().map(may_refuse).unwrap_or_default();
        self.plan.quorum.may_be_rivals(self.plan.refilled, may_refuse)
    }

    /// Whether the answers to come tell who is to blame. They do not where no further try can help, nor where somebody
    /// else has a part of the nodes: then it is better to make room at once.
    fn is_worth_hearing_all(&self) -> bool {
        let Some(current) = self.rotations.last() else { return false };
        let blame = self.blame();
        let makes_room = blame.is_contended() && self.tries < self.plan.tries;
        current.tally().open > 0 && blame.for_good().is_none() && !makes_room
    }

    fn raise(&mut self, now: Moment) {
        let raises =
            self.rotations.last_mut().map(|current| current.raise(&mut self.ids)).unwrap_or_default();
        if !raises.is_empty() {
            // A second question gets the time of a second one.
            self.phase = Phase::Asking { until: now.plus(self.plan.node_timeout) };
        }
        self.outbox.extend(raises);
    }

    fn win(&mut self, now: Moment) {
        let Some(current) = self.rotations.last_mut() else { return };
        if self.plan.to.is_some() {
            // A value that was named is not taken back. The old one would be in its way.
            current.finish();
            // What was to be handed over in vain may last for hours.
            self.pacer.slow_down(now);
        }
        self.won = Some(current.valid_until);
        self.result = Some(Ok(Lease {
            value: current.value().clone(),
            exact: false,
            valid_until: current.valid_until,
            held: current.granted(),
            // A node that has refused may come to hold the old value again.
            absent: NodeSet::EMPTY,
            fence: current.fence(),
        }));
        self.settle(now);
    }

    fn lose(&mut self, now: Moment) {
        self.lose_by(self.blame(), now);
    }

    fn lose_by(&mut self, blame: Blame, now: Moment) {
        if let Some(cause) = blame.for_good() {
            return self.fail(cause, now);
        }
        if self.tries >= self.plan.tries || self.has_nobody_to_ask() {
            return self.fail(blame.after_all(GaveUp::Tries), now);
        }
        let until = now.plus(self.plan.delay.after(self.tries, self.source.random()));
        if self.plan.deadline.is_some_and(|deadline| deadline <= until) {
            return self.fail(blame.after_all(GaveUp::Deadline), now);
        }
        // Who shares the nodes with somebody else makes room; where replies were lost the same value is asked for again.
        if blame.is_contended() && self.plan.to.is_none() {
            // Here time counts, and not for how long: one of the two adopts the lock.
            self.rotations.iter_mut().for_each(|rotation| rotation.give_up(None));
            self.begin_rotation();
        }
        self.phase = Phase::Resting { until };
    }

    /// Whether another round would ask no node.
    fn has_nobody_to_ask(&self) -> bool {
        let failed = self.rotations.last().map(Rotation::failed).unwrap_or_default();
        !self.plan.resend.after_lost_reply && failed.is_empty()
    }

    fn fail(&mut self, cause: TransferCause, now: Moment) {
        let (tries, answers) = (self.tries, self.last_answers());
        let not_rotated = self.rotations.last().map_or(NodeSet::EMPTY, Rotation::failed);
        self.result = Some(Err(TransferFailure { cause, tries, answers, not_rotated }));
        self.give_up(now);
    }

    /// Who is to blame as things stand.
    fn blame(&self) -> Blame {
        Blame::of(&self.last_answers(), self.still_ours(), self.plan.quorum)
    }

    /// An earlier round may have been answered since, and its value never have stood there.
    fn still_ours(&self) -> NodeSet {
        let earlier = self.rotations.split_last().map(|(_, earlier)| earlier).unwrap_or_default();
        let may_hold = earlier.iter().map(Rotation::may_hold).fold(NodeSet::EMPTY, NodeSet::union);
        self.ours.intersection(may_hold)
    }

    /// Of the last round, which the current rotation may not have had yet.
    fn last_answers(&self) -> Vec<Answer> {
        let answers = self.rotations.iter().rev().map(Rotation::answers);
        answers.into_iter().find(|answers| !answers.is_empty()).unwrap_or_default()
    }

    /// A value that was named is not taken back: who named it tries again, or removes both.
    fn give_up(&mut self, now: Moment) {
        if self.plan.to.is_none() {
            let blind_at = Some(now.plus(self.plan.node_timeout));
            self.rotations.iter_mut().for_each(|rotation| rotation.give_up(blind_at));
        }
        self.settle(now);
    }

    /// When the new value's TTL is over there is nothing to set back, and when the old one's is, nothing to be rotated.
    fn settle(&mut self, now: Moment) {
        let lasts = if self.plan.to.is_some() { self.plan.full.min(self.plan.ttl) } else { self.plan.ttl };
        self.phase = Phase::settling(now, lasts);
    }

    fn on_reply(&mut self, id: RequestId, outcome: Outcome, now: Moment) {
        let answered = self.rotations.iter_mut().rposition(|rotation| rotation.answer(id, &outcome, now));
        let is_current = answered.is_some() && answered == self.rotations.len().checked_sub(1);
        if is_current && matches!(self.phase, Phase::Asking { .. }) {
            self.decide(now, false);
        }
    }

    fn on_tick(&mut self, now: Moment) {
        if self.pacer.is_due(now) {
            self.rotations.iter_mut().for_each(|rotation| rotation.retry_undo(now));
        }
        let call_is_over = self.plan.deadline.is_some_and(|deadline| deadline <= now);
        match self.phase {
            Phase::Asking { until } if until <= now || call_is_over => self.decide(now, true),
            Phase::Resting { until } if until <= now => self.start_round(now),
            Phase::Settling { until } if until <= now => self.rotations.iter_mut().for_each(Rotation::stop),
            Phase::Asking { .. } | Phase::Resting { .. } | Phase::Settling { .. } => {}
        }
        if self.phase.is_waited_for() && call_is_over {
            self.fail(self.blame().after_all(GaveUp::Deadline), now);
        }
    }

    fn on_cancel(&mut self, now: Moment) {
        match self.phase {
            Phase::Asking { .. } | Phase::Resting { .. } => {
                self.fail(TransferCause::GaveUp(GaveUp::Cancelled), now);
            }
            // Won, but nobody has taken the lease: there is no guard that would give it back.
            Phase::Settling { .. } if matches!(self.result, Some(Ok(_))) => {
                self.fail(TransferCause::GaveUp(GaveUp::Cancelled), now);
            }
            // Also when it was handed back before, and that failed.
            Phase::Settling { .. } if self.won.is_some() && self.plan.to.is_none() => {
                self.remove_late();
                self.is_given_back = true;
                self.phase = Phase::settling(now, self.plan.ttl);
            }
            Phase::Settling { .. } => {}
        }
    }

    /// The release deletes what stands now; what comes later is ours to delete. The old value is not: it may have come by
    /// somebody else's doing.
    fn remove_late(&mut self) {
        let resend = if self.is_given_back { Resend::GIVEN_BACK } else { Resend::FRESH };
        self.rotations.iter_mut().for_each(|rotation| rotation.remove(resend));
        self.rotations.last_mut().into_iter().for_each(Rotation::undo_late_grants);
    }

    fn on_handed_back(&mut self, now: Moment) {
        if self.won.is_some() && self.plan.to.is_none() {
            self.is_given_back = true;
            self.rotations.last_mut().into_iter().for_each(Rotation::undo_late_grants);
            self.phase = Phase::settling(now, self.plan.ttl);
        }
    }

    /// Moves what has become due to be undone into the outbox.
    fn collect_undos(&mut self, now: Moment) {
        for rotation in &mut self.rotations {
            self.outbox.extend(std::iter::from_fn(|| rotation.next_undo(&mut self.ids, now)));
        }
        if self.rotations.iter().any(Rotation::has_failed_undo) {
            self.pacer.arm(now);
        }
        self.rotations.iter().filter_map(Rotation::blind_at).for_each(|at| self.pacer.arm_by(at));
    }
}

impl<S: Source> Machine for Transfer<S> {
    type Output = Result<Lease, TransferFailure>;

    const NAME: &'static str = "transfer";

    fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Reply { id, outcome } => self.on_reply(id, outcome, now),
            Event::Tick => self.on_tick(now),
            Event::Cancel => self.on_cancel(now),
            Event::HandedBack => self.on_handed_back(now),
            Event::Deletes(_) | Event::MayBeFree => {}
        }
        self.collect_undos(now);
    }

    fn poll(&mut self) -> Action<Self::Output> {
        if let Some((id, command)) = self.outbox.pop_front() {
            return Action::Send { id, command };
        }
        if let Some(result) = self.result.take() {
            return Action::Done(result);
        }
        let is_settled = self.rotations.iter().all(Rotation::is_settled);
        self.phase.wait(is_settled, &self.pacer, self.plan.deadline)
    }

    fn held(&self) -> NodeSet {
        self.rotations.last().map_or(NodeSet::EMPTY, Rotation::granted)
    }

    fn held_until(&self) -> Option<(NodeSet, Moment)> {
        self.won.filter(|_| !self.is_given_back).map(|until| (self.held(), until))
    }

    fn in_doubt(&self) -> Vec<(Value, NodeSet)> {
        let exact = self.rotations.iter().filter(|_| self.plan.exact);
        exact.map(|rotation| (self.plan.from.clone(), rotation.in_doubt())).collect()
    }
}
