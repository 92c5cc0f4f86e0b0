//! [`Acquire`]: takes a lock on a quorum, round after round, and removes what failed rounds leave.
//!
//! After the Redlock page in Redis' documentation, with one fresh value for each round, clean-up that
//! outlives the caller, and the rules for values that rivals may use too.

mod late;
mod plan;

use std::collections::VecDeque;

use super::{
    Action, Event, Ids, Lease, Machine, NodeSet, RequestId, Source, Verdict,
    attempt::Attempt,
    phase::{Pacer, Phase},
    proposal::Proposal,
    round::Round,
    values::Values,
};
use crate::{
    Answer, Moment, Value,
    wire::{Command, Outcome},
};

use late::Late;

pub use plan::{AcquireFailure, AcquirePlan, GaveUp};

/// Takes a lock.
///
/// [`Event::Cancel`] gives up: before the result it ends the call, after a [`Lease`] it means that the lock
/// was given back, so that grants which arrive from then on are removed, unless a delete of the release has done so
/// ([`Event::Deletes`]). [`Event::MayBeFree`] leads to a round within a pause between two tries, which takes nothing of the
/// tries and of the pause.
#[derive(Clone, Debug)]
pub struct Acquire<S = Box<dyn Source>> {
    plan: AcquirePlan,
    values: Values<S>,
    proposal: Option<Proposal>,
    ids: Ids,
    phase: Phase,
    tries: u32,
    /// When the pause ends within which a hint has led to a round.
    pause_until: Option<Moment>,
    /// The last one is the current or the winning one; those before are being cleaned up.
    attempts: Vec<Attempt>,
    outbox: VecDeque<(RequestId, Command)>,
    result: Option<Result<Lease, AcquireFailure>>,
    last_answers: Vec<Answer>,
    too_late: bool,
    held: NodeSet,
    held_until: Option<Moment>,
    absent: NodeSet,
    late: Late,
    pacer: Pacer,
}

impl<S: Source> Acquire<S> {
    /// Starts at `now` with the first round.
    pub fn new(plan: AcquirePlan, source: S, now: Moment) -> Self {
        let mut machine = Self {
            values: Values::new(plan.exact.clone(), source, plan.source_is_fresh),
            proposal: plan.proposal.map(|first| Proposal::new(first, now)),
            ids: Ids::default(),
            phase: Phase::Resting { until: now },
            tries: 0,
            pause_until: None,
            // Most calls take one round.
            attempts: Vec::with_capacity(1),
            outbox: VecDeque::with_capacity(plan.quorum.nodes()),
            result: None,
            last_answers: Vec::new(),
            too_late: false,
            held: NodeSet::EMPTY,
            held_until: None,
            absent: NodeSet::EMPTY,
            late: Late::default(),
            pacer: Pacer::new(),
            plan,
        };
        machine.start_try(now);
        machine.collect_undos(now);
        machine
    }

    fn start_try(&mut self, now: Moment) {
        (self.tries, self.pause_until) = (self.tries.saturating_add(1), None);
        self.start_round(NodeSet::EMPTY, now);
    }

    /// A round within a pause. Who still owes an answer is not asked again: a hot lock changes hands a thousand times a
    /// second, and a node that hangs would have all of that to work off.
    fn start_extra_round(&mut self, now: Moment, pause_until: Moment) {
        let owing = self.attempts.iter().fold(NodeSet::EMPTY, |nodes, attempt| nodes.union(attempt.open()));
        if !self.plan.quorum.is_blocked_by(owing.len()) {
            self.pause_until = Some(pause_until);
            self.start_round(owing, now);
        }
    }

    fn start_round(&mut self, left_out: NodeSet, now: Moment) {
        let attempts = &self.attempts;
        let is_used = |value: &Value| attempts.iter().any(|attempt| attempt.value == *value);
        let (value, exact) = match self.values.next(is_used) {
            Ok(drawn) => drawn,
            Err(error) => return self.give_up(GaveUp::NoValue(error), now),
        };
        let sits_out = if exact { left_out.union(self.doubtful_nodes(&value)) } else { left_out };
        let nodes = self.plan.quorum.nodes();
        let round = Round::new(nodes, NodeSet::first(nodes).without(sits_out), &mut self.ids, now);
        let proposal = self.proposal.map(|proposal| proposal.at(now));
        let ask = |id: RequestId| {
            // A script that draws a number tells by itself what it has set before.
            let look = exact || proposal.is_none() && self.plan.may_repeat.contains(id.node());
            (id, Command::Acquire { value: value.clone(), ttl: self.plan.ttl, look, proposal })
        };
        let before = self.outbox.len();
        self.outbox.extend(round.requests().map(ask));
        self.shuffle(before);
        let valid_until = now.plus(self.plan.drift.validity(self.plan.ttl));
        let undo_until = valid_until.minus(self.plan.node_timeout);
        let attempt = Attempt::new(value, exact, round, nodes, valid_until, undo_until);
        self.attempts.push(if proposal.is_some() { attempt.fenced(nodes) } else { attempt });
        self.phase = Phase::Asking { until: now.plus(self.plan.node_timeout) };
        self.decide(now, false);
    }

    /// The nodes where `value` is still on its way, or on its way out. If it was thought to be ours alone before,
    /// it counts as one that rivals may use too from now on.
    fn doubtful_nodes(&mut self, value: &Value) -> NodeSet {
        let same = self.attempts.iter_mut().filter(|attempt| attempt.value == *value);
        same.fold(self.values.in_doubt(value), |nodes, attempt| {
            attempt.turn_exact();
            nodes.union(attempt.in_doubt())
        })
    }

    /// Has what is to be sent, from this one on, sent in random order.
    fn shuffle(&mut self, first: usize) {
        if self.plan.shuffle {
            // Fisher and Yates; the modulo's bias over at most 64 items does not matter here.
            for last in (1..self.outbox.len().saturating_sub(first)).rev() {
                let other = self.values.random() % (last as u64 + 1);
                self.outbox.swap(first + last, first + usize::try_from(other).unwrap_or(last));
            }
        }
    }

    /// Ends the round if its outcome is certain, or if its time is over.
    fn decide(&mut self, now: Moment, time_is_over: bool) {
        let Some(current) = self.attempts.last() else { return };
        let tally = current.tally();
        if self.plan.wait_for_all && tally.open > 0 && !time_is_over {
            return;
        }
        match self.plan.quorum.verdict(tally) {
            Verdict::Won if now < current.valid_until => self.win_with_fence(now, time_is_over),
            Verdict::Won => self.lose(now, true),
            Verdict::Lost if !time_is_over && self.is_last_round() && !self.cause_is_certain() => {}
            Verdict::Lost => self.lose(now, false),
            Verdict::Pending if time_is_over => self.lose(now, false),
            Verdict::Pending => {}
        }
    }

    /// Wins once as many nodes count towards the fencing number, if there is to be one.
    fn win_with_fence(&mut self, now: Moment, time_is_over: bool) {
        let Some(current) = self.attempts.last_mut() else { return };
        match current.fence_verdict(self.plan.quorum) {
            Verdict::Won => self.win(now),
            Verdict::Pending if !time_is_over => {
                let raises = current.raise(self.plan.ttl, &mut self.ids);
                if !raises.is_empty() {
                    // A second question gets the time of a second one.
                    self.phase = Phase::Asking { until: now.plus(self.plan.node_timeout) };
                }
                self.outbox.extend(raises);
            }
            Verdict::Pending | Verdict::Lost => self.lose(now, false),
        }
    }

    fn is_last_round(&self) -> bool {
        self.tries >= self.plan.tries
    }

    /// Whether it is clear already who is to blame: rivals or nodes. One refusal and one dead node do not tell
    /// whether the lock is taken; the caller gets to know, so it is worth the wait for the rest.
    fn cause_is_certain(&self) -> bool {
        let answers = self.attempts.last().map(Attempt::answers).unwrap_or_default();
        let refused = answers.iter().filter(|answer| matches!(answer, Answer::Refused(_))).count();
        let open = answers.iter().filter(|answer| matches!(answer, Answer::Open)).count();
        let granted = answers.iter().filter(|answer| matches!(answer, Answer::Granted)).count();
        let silent = answers.len() - refused - open - granted;
        self.plan.quorum.is_blocked_by(refused) || self.plan.quorum.is_blocked_by(silent)
    }

    fn win(&mut self, now: Moment) {
        let Some(current) = self.attempts.last() else { return };
        self.held = current.granted();
        self.held_until = Some(current.valid_until);
        self.absent = current.absent();
        self.result = Some(Ok(Lease {
            value: current.value.clone(),
            exact: current.exact,
            valid_until: current.valid_until,
            held: self.held,
            absent: self.absent,
            fence: current.fence(),
        }));
        self.phase = Phase::settling(now, self.plan.ttl);
    }

    fn lose(&mut self, now: Moment, too_late: bool) {
        self.too_late = too_late;
        self.abandon_current(now);
        if self.is_last_round() {
            return self.give_up(GaveUp::Tries, now);
        }
        if let Some(until) = self.pause_until {
            self.phase = Phase::Resting { until };
            return;
        }
        let until = now.plus(self.plan.delay.after(self.tries, self.values.random()));
        if self.plan.deadline.is_some_and(|deadline| deadline <= until) {
            return self.give_up(GaveUp::Deadline, now);
        }
        self.phase = Phase::Resting { until };
    }

    fn abandon_current(&mut self, now: Moment) {
        let time_is_over = matches!(self.phase, Phase::Asking { until } if until <= now);
        if let Some(current) = self.attempts.last_mut() {
            current.abandon();
            let answers = current.answers();
            if self.last_answers.is_empty() {
                self.last_answers = answers;
            } else {
                let last = self.last_answers.iter_mut().zip(answers);
                last.for_each(|(last, answer)| last.update(answer, time_is_over));
            }
        }
    }

    fn give_up(&mut self, gave_up: GaveUp, now: Moment) {
        let answers = std::mem::take(&mut self.last_answers);
        self.result =
            Some(Err(AcquireFailure { gave_up, tries: self.tries, answers, too_late: self.too_late }));
        self.phase = Phase::settling(now, self.plan.ttl);
    }

    fn end_call(&mut self, gave_up: GaveUp, now: Moment) {
        if let Phase::Asking { .. } = self.phase {
            self.too_late = false;
            self.abandon_current(now);
        }
        self.give_up(gave_up, now);
    }

    fn on_reply(&mut self, id: RequestId, outcome: Outcome, now: Moment) {
        let answered = self.attempts.iter_mut().rposition(|attempt| attempt.answer(id, outcome.clone()));
        if answered.is_none() || answered != self.attempts.len().checked_sub(1) {
            return;
        }
        match self.phase {
            Phase::Asking { .. } => self.decide(now, false),
            Phase::Settling { .. } => self.note_late_grants(),
            Phase::Resting { .. } => {}
        }
    }

    fn note_late_grants(&mut self) {
        if let Some(winner) = self.attempts.last().filter(|attempt| !attempt.is_abandoned()) {
            self.held = winner.granted();
            self.absent = winner.absent();
        }
    }

    fn on_tick(&mut self, now: Moment) {
        if self.pacer.is_due(now) {
            self.attempts.iter_mut().for_each(Attempt::retry_undo);
        }
        let call_is_over = self.plan.deadline.is_some_and(|deadline| deadline <= now);
        match self.phase {
            Phase::Asking { until } if until <= now || call_is_over => self.decide(now, true),
            Phase::Resting { until } if until <= now => self.start_try(now),
            Phase::Settling { until } if until <= now => self.attempts.clear(),
            Phase::Asking { .. } | Phase::Resting { .. } | Phase::Settling { .. } => {}
        }
        if self.phase.is_waited_for() && call_is_over {
            self.end_call(GaveUp::Deadline, now);
        }
    }

    fn on_hint(&mut self, now: Moment) {
        if let Phase::Resting { until } = self.phase
            && now < until
        {
            self.start_extra_round(now, until);
        }
    }

    fn on_cancel(&mut self, now: Moment) {
        match self.phase {
            Phase::Asking { .. } | Phase::Resting { .. } => self.end_call(GaveUp::Cancelled, now),
            // Won, but nobody has taken the lease: there is no guard that would give it back.
            Phase::Settling { .. } if matches!(self.result, Some(Ok(_))) => {
                self.abandon_current(now);
                self.give_up(GaveUp::Cancelled, now);
            }
            Phase::Settling { .. } => {
                self.attempts.iter_mut().for_each(Attempt::abandon_late_grants);
                self.phase = Phase::settling(now, self.plan.ttl);
            }
        }
    }

    /// Moves the clean-up that has become due into the outbox.
    fn collect_undos(&mut self, now: Moment) {
        self.late.judge(&mut self.attempts, self.phase, self.plan.node_timeout, now);
        for attempt in &mut self.attempts {
            self.outbox.extend(std::iter::from_fn(|| attempt.next_undo(&mut self.ids, now)));
        }
        if self.attempts.iter().any(Attempt::has_failed_undo) {
            self.pacer.arm(now);
        }
        self.forget_settled();
    }

    /// Forgets attempts that are done. A lease that nobody has taken yet may still have to be undone.
    fn forget_settled(&mut self) {
        let is_current = matches!(self.phase, Phase::Asking { .. }) || matches!(self.result, Some(Ok(_)));
        let keeps_last = usize::from(is_current);
        let current = self.attempts.len().saturating_sub(keeps_last);
        let mut index = 0;
        self.attempts.retain(|attempt| {
            index += 1;
            index > current || !attempt.is_settled()
        });
    }
}

impl<S: Source> Machine for Acquire<S> {
    type Output = Result<Lease, AcquireFailure>;

    const NAME: &'static str = "acquire";

    fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Reply { id, outcome } => self.on_reply(id, outcome, now),
            Event::Tick => self.on_tick(now),
            Event::Cancel | Event::HandedBack => self.on_cancel(now),
            Event::Deletes(deletes) => self.late.deletes = deletes,
            Event::MayBeFree => self.on_hint(now),
        }
        self.collect_undos(now);
    }

    fn poll(&mut self) -> Action<Self::Output> {
        if let Some((id, command)) = self.outbox.pop_front() {
            return Action::Send { id, command };
        }
        if let Some(result) = self.result.take() {
            self.forget_settled();
            return Action::Done(result);
        }
        self.late.wait_or(self.phase.wait(self.attempts.is_empty(), &self.pacer, self.plan.deadline))
    }

    fn held(&self) -> NodeSet {
        self.held
    }

    fn held_until(&self) -> Option<(NodeSet, Moment)> {
        self.held_until.map(|until| (self.held, until))
    }

    fn absent(&self) -> NodeSet {
        self.absent
    }

    fn is_taken(&self) -> bool {
        let failed = self
            .last_answers
            .iter()
            .filter(|answer| matches!(answer, Answer::Open | Answer::Failed(_) | Answer::Unknown(_)));
        !self.plan.quorum.is_blocked_by(failed.count())
    }

    fn in_doubt(&self) -> Vec<(Value, NodeSet)> {
        let exact = self.attempts.iter().filter(|attempt| attempt.exact);
        exact.map(|attempt| (attempt.value.clone(), attempt.in_doubt())).collect()
    }
}
