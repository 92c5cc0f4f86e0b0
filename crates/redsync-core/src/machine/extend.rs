//! [`Extend`]: lengthens the TTL of a held lock on a quorum.

mod plan;

use std::collections::VecDeque;

use super::{
    Action, Event, GaveUp, Ids, Machine, NodeSet, RequestId, Resend, Source, Verdict,
    phase::{Pacer, Phase},
    round::Round,
    sweep::Sweep,
    task::Task,
};
use crate::{
    Moment,
    wire::{Command, Grant, Outcome, Refusal},
};

pub use plan::{ExtendCause, ExtendFailure, ExtendPlan};

/// Extends a lock.
///
/// [`Event::Cancel`] before the result ends the call and changes nothing else; after it, it means that the
/// lock was given back, so that keys which are set anew from then on are removed. After [`Event::HandedBack`] the value
/// that the lock was adopted from is to stand again where it did.
#[derive(Clone, Debug)]
pub struct Extend<S = Box<dyn Source>> {
    plan: ExtendPlan,
    source: S,
    ids: Ids,
    phase: Phase,
    tries: u32,
    rounds: Vec<Round>,
    undo: Sweep,
    /// Whether the lock was released or handed back.
    given_back: bool,
    /// Whether the current round was won before the validity was over, and only the other nodes are waited for.
    is_in_time: bool,
    outbox: VecDeque<(RequestId, Command)>,
    result: Option<Result<Moment, ExtendFailure>>,
    held: NodeSet,
    missing: NodeSet,
    /// The nodes that were asked to set it anew in this round, and in any.
    filled: NodeSet,
    ever_filled: NodeSet,
    /// The nodes that granted in the round that was won, and until when they hold.
    won: Option<(NodeSet, Moment)>,
    pacer: Pacer,
}

impl<S: Source> Extend<S> {
    /// Starts at `now` with the first round.
    pub fn new(plan: ExtendPlan, source: S, now: Moment) -> Self {
        let nodes = plan.quorum.nodes();
        let undo = Sweep::new(plan.delete(), nodes, Resend::FRESH);
        let mut machine = Self {
            plan,
            source,
            ids: Ids::default(),
            phase: Phase::Resting { until: now },
            tries: 0,
            rounds: Vec::new(),
            undo,
            given_back: false,
            is_in_time: false,
            outbox: VecDeque::new(),
            result: None,
            held: NodeSet::EMPTY,
            missing: NodeSet::EMPTY,
            filled: NodeSet::EMPTY,
            ever_filled: NodeSet::EMPTY,
            won: None,
            pacer: Pacer::new(),
        };
        machine.start_round(now);
        machine
    }

    /// The nodes that may have missed the lock: where its key is missing, or another value stands that may be the one which
    /// the lock was adopted from.
    pub fn missing(&self) -> NodeSet {
        self.missing
    }

    fn start_round(&mut self, now: Moment) {
        if self.is_expired(now) {
            return self.fail(ExtendCause::Expired, now);
        }
        self.tries = self.tries.saturating_add(1);
        let round = Round::new(self.plan.quorum.nodes(), self.plan.asked, &mut self.ids, now);
        let Self { plan, .. } = self;
        let ask = |id| (id, plan.command(plan.revive));
        self.outbox.extend(round.requests().map(ask));
        self.rounds.push(round);
        (self.is_in_time, self.filled) = (false, NodeSet::EMPTY);
        self.phase = Phase::Asking { until: now.plus(self.plan.node_timeout) };
        self.decide(now, false);
    }

    fn is_expired(&self, now: Moment) -> bool {
        self.plan.valid_until.is_some_and(|end| end <= now)
    }

    /// Ends the round if its outcome is certain, or if its time is over.
    fn decide(&mut self, now: Moment, time_is_over: bool) {
        let refused = self.rounds.last().map(Round::refused).unwrap_or_default();
        if self.is_proven_lost_by(refused) {
            return self.fail(ExtendCause::Lost, now);
        }
        if self.plan.fills {
            self.fill(now);
        }
        let Some(round) = self.rounds.last() else { return };
        let may_be_proven_lost = self.is_proven_lost_by(refused.union(round.open()));
        let valid_until = round.sent_at.plus(self.plan.drift.validity(self.plan.ttl));
        let (tally, verdict) = (round.tally(), self.plan.quorum.verdict(round.tally()));
        self.is_in_time |= verdict == Verdict::Won && !self.is_expired(now);
        if self.plan.wait_for_all && tally.open > 0 && !time_is_over {
            return;
        }
        match verdict {
            // Though those that have answered seem to hold it.
            Verdict::Won if !time_is_over && may_be_proven_lost => {}
            Verdict::Won if !self.is_in_time => self.fail(ExtendCause::Expired, now),
            Verdict::Won if now < valid_until => self.succeed(valid_until, now),
            Verdict::Lost if !time_is_over && self.tries >= self.plan.tries && self.may_prove_loss() => {}
            Verdict::Won | Verdict::Lost => self.lose(now),
            Verdict::Pending if time_is_over => self.lose(now),
            Verdict::Pending => {}
        }
    }

    fn succeed(&mut self, valid_until: Moment, now: Moment) {
        self.won = self.rounds.last().map(|round| (round.granted(), valid_until));
        self.result = Some(Ok(valid_until));
        self.phase = Phase::settling(now, self.plan.ttl);
    }

    /// Whether so many nodes did not have the lock, whatever stands there by now, that a rival may have had a quorum: those
    /// that had missed it, and these. Who sets it anew on purpose does not ask.
    fn is_proven_lost_by(&self, refused: NodeSet) -> bool {
        let missing = if self.plan.fills { self.missing } else { NodeSet::EMPTY };
        let known = self.plan.refilled.union(missing);
        !self.plan.revive && self.plan.quorum.may_be_rivals(known, refused)
    }

    /// The nodes that have refused, and cannot be filled.
    fn refused_for_good(&self) -> NodeSet {
        let refused = self.rounds.last().map(Round::refused).unwrap_or_default();
        if self.plan.fills { refused.without(self.missing) } else { refused }
    }

    /// Sets the key anew where it turned out to be missing, once that can make a quorum.
    fn fill(&mut self, now: Moment) {
        let expired = self.is_expired(now);
        let Some(round) = self.rounds.last_mut() else { return };
        let until = round.sent_at.plus(self.plan.node_timeout);
        if until <= now || expired {
            return;
        }
        let missing = round.refused().intersection(self.missing).without(self.filled);
        let needed = self.plan.quorum.needed();
        if missing.is_empty() || round.granted().union(missing).union(self.filled).len() < needed {
            return;
        }
        let requests = missing.iter().filter_map(|node| round.ask_again(node, &mut self.ids));
        self.outbox.extend(requests.map(|id| (id, self.plan.command(true))));
        self.filled = self.filled.union(missing);
        self.ever_filled = self.ever_filled.union(missing);
        // All second questions together get the time of a second one.
        self.phase = Phase::Asking { until: until.plus(self.plan.node_timeout) };
    }

    /// Whether so many refusals tell that no quorum holds the lock any more.
    fn is_lost_by(&self, refused: usize) -> bool {
        self.plan.asked.len().saturating_sub(refused) < self.plan.quorum.needed()
    }

    /// Whether the nodes that have not answered yet make the difference between a lock that is lost and nodes that cannot
    /// be reached. The caller gets to know, so it is worth the wait.
    fn may_prove_loss(&self) -> bool {
        let refused = self.refused_for_good().len();
        let open = self.rounds.last().map_or(0, |round| round.open().len());
        !self.is_lost_by(refused) && self.is_lost_by(refused + open)
    }

    fn lose(&mut self, now: Moment) {
        if self.is_lost_by(self.refused_for_good().len()) {
            return self.fail(ExtendCause::Lost, now);
        }
        if self.is_expired(now) {
            return self.fail(ExtendCause::Expired, now);
        }
        if self.tries >= self.plan.tries {
            return self.fail(ExtendCause::GaveUp(GaveUp::Tries), now);
        }
        let until = now.plus(self.plan.delay.after(self.tries, self.source.random()));
        if self.plan.deadline.is_some_and(|deadline| deadline <= until) {
            return self.fail(ExtendCause::GaveUp(GaveUp::Deadline), now);
        }
        // Not "expired" when the pause would outlast the validity: the lock is still held now.
        if self.is_expired(until) {
            return self.fail(ExtendCause::GaveUp(GaveUp::Validity), now);
        }
        self.phase = Phase::Resting { until };
    }

    fn fail(&mut self, cause: ExtendCause, now: Moment) {
        let answers = self.rounds.last().map(Round::answers).unwrap_or_default();
        self.result = Some(Err(ExtendFailure { cause, tries: self.tries, answers }));
        self.phase = Phase::settling(now, self.plan.ttl);
    }

    fn on_reply(&mut self, id: RequestId, outcome: Outcome, now: Moment) {
        if self.undo.answer(id, &outcome) {
            return;
        }
        let revived = matches!(outcome, Outcome::Revived);
        let granted = revived || matches!(outcome, Outcome::Granted(_));
        let doubtful = matches!(outcome, Outcome::Unknown(_));
        let missing = match outcome {
            Outcome::Refused(Refusal::Missing) => true,
            Outcome::Refused(_) => self.plan.former.is_some(),
            Outcome::Granted(_) | Outcome::Revived | Outcome::Failed(_) | Outcome::Unknown(_) => false,
        };
        let Some(index) = self.rounds.iter_mut().rposition(|round| round.answer(id, outcome.clone())) else {
            return;
        };
        if missing {
            self.missing.insert(id.node());
        }
        if granted {
            self.held.insert(id.node());
            // After the validity before this extension, the key that was extended may be a rival's of the same value.
            let is_proven = !self.is_expired(now) && index + 1 == self.rounds.len();
            if let Some((nodes, _)) = self.won.as_mut().filter(|_| is_proven) {
                nodes.insert(id.node());
            }
        }
        let has_replaced = self.note_replaced(id.node(), &outcome, now);
        // A key that was set anew after the lock was given back has nobody to remove it but us. Where rivals
        // may use the value too it is left to its TTL: the release has deleted there once, and a second delete
        // could hit what a rival has set since.
        let may_have_revived =
            revived || has_replaced || doubtful || granted && self.plan.may_repeat.contains(id.node());
        if self.given_back && self.sets_anew() && may_have_revived {
            self.undo.want(id.node());
        }
        if matches!(self.phase, Phase::Asking { .. }) && index + 1 == self.rounds.len() {
            self.decide(now, false);
        }
    }

    /// Whether it may set keys anew that are its own to remove.
    fn sets_anew(&self) -> bool {
        (self.plan.revive || self.plan.fills) && !self.plan.exact
    }

    /// Notes what the node had until then. Says whether that was the former value.
    fn note_replaced(&mut self, node: usize, outcome: &Outcome, now: Moment) -> bool {
        let (end, has_replaced) = match outcome {
            Outcome::Granted(Grant { left: Some(left), .. }) => (now.plus(*left), true),
            Outcome::Revived => (now, false),
            Outcome::Granted(_) | Outcome::Refused(_) | Outcome::Failed(_) | Outcome::Unknown(_) => {
                return false;
            }
        };
        if let Task::SetBack(set_back) = self.undo.task_mut() {
            set_back.note_end(node, end);
        }
        has_replaced
    }

    fn on_tick(&mut self, now: Moment) {
        if self.pacer.is_due(now) {
            self.undo.retry();
        }
        let call_is_over = self.plan.deadline.is_some_and(|deadline| deadline <= now);
        match self.phase {
            Phase::Asking { until } if until <= now || call_is_over || self.is_expired(now) => {
                self.decide(now, true)
            }
            Phase::Resting { until } if until <= now => self.start_round(now),
            Phase::Settling { until } if until <= now => self.stop_settling(),
            Phase::Asking { .. } | Phase::Resting { .. } | Phase::Settling { .. } => {}
        }
        if self.phase.is_waited_for() {
            if self.is_expired(now) {
                self.fail(ExtendCause::Expired, now);
            } else if call_is_over {
                self.fail(ExtendCause::GaveUp(GaveUp::Deadline), now);
            }
        }
    }

    /// Nobody wants it any more. What comes late is to be undone by this task.
    fn on_end(&mut self, task: Task, now: Moment) {
        match self.phase {
            Phase::Asking { .. } | Phase::Resting { .. } => {
                self.fail(ExtendCause::GaveUp(GaveUp::Cancelled), now)
            }
            // The call has ended, and nobody has seen how yet. Dropping it gives nothing back.
            Phase::Settling { .. } if self.result.is_some() => {}
            Phase::Settling { .. } => self.undo_late(task, now),
        }
    }

    /// What was undone in another way without a word, when the lock could not be handed back, is undone once more.
    fn undo_late(&mut self, task: Task, now: Moment) {
        let unconfirmed = self.undo.unconfirmed();
        *self.undo.task_mut() = task;
        unconfirmed.iter().for_each(|node| self.undo.want(node));
        self.given_back = true;
        self.phase = Phase::settling(now, self.plan.ttl);
        // What was to be handed over may last for hours.
        self.pacer.slow_down(now);
    }

    fn stop_settling(&mut self) {
        self.rounds.clear();
        self.undo.stop();
    }

    fn is_settled(&self) -> bool {
        self.rounds.iter().all(|round| round.open().is_empty()) && self.undo.is_settled()
    }
}

impl<S: Source> Machine for Extend<S> {
    /// The moment until which the lock is valid by this extension.
    type Output = Result<Moment, ExtendFailure>;

    const NAME: &'static str = "extend";

    fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Reply { id, outcome } => self.on_reply(id, outcome, now),
            Event::Tick => self.on_tick(now),
            Event::Cancel => self.on_end(self.plan.delete(), now),
            Event::HandedBack => self.on_end(self.plan.set_back(), now),
            Event::Deletes(_) | Event::MayBeFree => {}
        }
        self.outbox.extend(std::iter::from_fn(|| self.undo.next_request(&mut self.ids, now)));
        if !self.undo.retriable().is_empty() {
            self.pacer.arm(now);
        }
    }

    fn poll(&mut self) -> Action<Self::Output> {
        if let Some((id, command)) = self.outbox.pop_front() {
            return Action::Send { id, command };
        }
        if let Some(result) = self.result.take() {
            return Action::Done(result);
        }
        let ends = [self.plan.deadline, self.plan.valid_until];
        self.phase.wait(self.is_settled(), &self.pacer, ends.into_iter().flatten())
    }

    fn held(&self) -> NodeSet {
        self.held
    }

    fn held_until(&self) -> Option<(NodeSet, Moment)> {
        self.won
    }

    /// Only what is filled is to last for longer.
    fn lengthened(&self) -> Option<(NodeSet, Moment)> {
        let until = self.rounds.last().filter(|_| self.plan.fills)?.sent_at.plus(self.plan.ttl.as_duration());
        let touched = |nodes: NodeSet, round: &Round| nodes.union(round.granted()).union(round.doubtful());
        let nodes = self.rounds.iter().fold(self.held, touched);
        Some((nodes, until.plus(self.plan.node_timeout))).filter(|(nodes, _)| !nodes.is_empty())
    }

    fn refilled(&self) -> NodeSet {
        self.ever_filled
    }

    fn may_undo(&self) -> NodeSet {
        if !self.sets_anew() {
            return NodeSet::EMPTY;
        }
        self.rounds.iter().fold(NodeSet::EMPTY, |nodes, round| nodes.union(round.open()))
    }
}
