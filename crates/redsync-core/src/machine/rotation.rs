//! [`Rotation`]: one new value, offered to the nodes in the place of the old one until a quorum has it or it is given up.

use super::{
    Ids, NodeSet, Quorum, RequestId, Resend, Tally, Verdict,
    fencing::Fencing,
    proposal::Proposal,
    round::Round,
    sweep::Sweep,
    task::{SetBack, Task, may_have_done},
};
use crate::{
    Answer, Moment, Ttl, Value,
    wire::{Command, Counting, Grant, Outcome},
};

/// What to rotate.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) from: Value,
    pub(super) to: Value,
    pub(super) ttl: Ttl,
    /// How long the old value stands again where it is set back, if nothing better is known.
    pub(super) full: Ttl,
    pub(super) counting: Counting,
    /// What to draw, as it goes with the time.
    pub(super) proposal: Option<Proposal>,
}

/// A new value with all the rounds that offer it. A node that has it already, by an earlier round whose reply was lost,
/// grants again.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    turn: Turn,
    nodes: usize,
    /// Until when a lock that the last round wins is valid.
    pub(super) valid_until: Moment,
    rounds: Vec<Round>,
    /// Of the last round: what an earlier one has counted may have ended since.
    fencing: Option<Fencing>,
    undo: Sweep,
    undoing: bool,
    /// Whether it is to be rotated everywhere, after a quorum has granted.
    finishing: bool,
    /// When the old value is set back also where no answer has told for how long.
    blind_at: Option<Moment>,
}

impl Rotation {
    /// `resend` says when the old value may be asked for again.
    pub(super) fn new(turn: Turn, nodes: usize, resend: Resend) -> Self {
        let set_back =
            SetBack::new(turn.to.clone(), turn.from.clone(), nodes, turn.full).counting(turn.counting);
        let undo = Sweep::new(Task::SetBack(set_back), nodes, resend);
        let (rounds, fencing, valid_until) = (Vec::new(), None, Moment::default());
        Self {
            turn,
            nodes,
            valid_until,
            rounds,
            fencing,
            undo,
            undoing: false,
            finishing: false,
            blind_at: None,
        }
    }

    pub(super) fn value(&self) -> &Value {
        &self.turn.to
    }

    /// Offers it to `asked` nodes, in a round whose win is valid until then.
    pub(super) fn ask(
        &mut self,
        asked: NodeSet,
        valid_until: Moment,
        ids: &mut Ids,
        now: Moment,
    ) -> Vec<(RequestId, Command)> {
        let round = Round::new(self.nodes, asked, ids, now);
        let command = self.command(now);
        let requests = round.requests().map(|id| (id, command.clone())).collect();
        self.valid_until = valid_until;
        self.fencing = self.turn.proposal.is_some().then(|| Fencing::new(self.nodes));
        self.rounds.push(round);
        requests
    }

    /// Offers it once more to the nodes of the last round that certainly did nothing.
    pub(super) fn ask_again(&mut self, ids: &mut Ids, now: Moment) -> Vec<(RequestId, Command)> {
        let command = self.command(now);
        let Some(round) = self.rounds.last_mut() else { return Vec::new() };
        let again = round.failed().iter().filter_map(|node| round.ask_again(node, ids));
        again.map(|id| (id, command.clone())).collect()
    }

    fn command(&self, now: Moment) -> Command {
        let Turn { from, to, ttl, full: _, counting, proposal } = self.turn.clone();
        let proposal = proposal.map(|proposal| proposal.at(now));
        let counting = proposal.map_or(counting, Counting::Draw);
        Command::Rotate { from, to, ttl, counting, in_one: !self.undo.repeats() }
    }

    /// Takes in a reply; says whether it answers a request of this rotation.
    pub(super) fn answer(&mut self, id: RequestId, outcome: &Outcome, now: Moment) -> bool {
        if self.undo.answer(id, outcome)
            || self.fencing.as_mut().is_some_and(|fencing| fencing.answer(id, outcome))
        {
            return true;
        }
        let Some(round) = self.rounds.iter_mut().rposition(|round| round.answer(id, outcome.clone())) else {
            return false;
        };
        if let Outcome::Granted(grant) = outcome {
            self.note(id.node(), *grant, round, now);
        }
        if self.undoing {
            self.undo_late(id.node(), outcome);
        } else if self.finishing && self.may_ask_after(outcome) {
            self.undo.want(id.node());
        }
        true
    }

    fn note(&mut self, node: usize, grant: Grant, round: usize, now: Moment) {
        let left = grant.left.filter(|_| !self.finishing);
        if let (Task::SetBack(set_back), Some(left)) = (self.undo.task_mut(), left) {
            set_back.note_end(node, now.plus(left));
        }
        let is_last = round + 1 == self.rounds.len();
        if let (Some(fencing), Some(fence)) = (self.fencing.as_mut().filter(|_| is_last), grant.fence) {
            fencing.note(node, fence);
        }
    }

    /// What was sent before this late answer may have come too early, or was in vain.
    fn undo_late(&mut self, node: usize, outcome: &Outcome) {
        match outcome {
            Outcome::Granted(_) | Outcome::Revived | Outcome::Unknown(_) => self.undo.want(node),
            // By an earlier round it may hold the new value all the same.
            Outcome::Refused(_) | Outcome::Failed(_) if self.may_hold().contains(node) => {
                self.undo.want(node)
            }
            Outcome::Refused(_) | Outcome::Failed(_) => self.undo.spare(node),
        }
    }

    /// Sets the old value back wherever the new one may stand, and where it comes to stand later.
    ///
    /// A node that has not answered yet tells by its answer for how long, and so is waited for until `blind_at`, if any.
    pub(super) fn give_up(&mut self, blind_at: Option<Moment>) {
        if !std::mem::replace(&mut self.undoing, true) {
            let waited_for = blind_at.map_or(NodeSet::EMPTY, |_| self.silent());
            self.may_hold().without(waited_for).iter().for_each(|node| self.undo.want(node));
            self.blind_at = blind_at;
        }
    }

    /// Rotates to the new value also where that failed.
    pub(super) fn finish(&mut self) {
        let Turn { from, to, ttl, counting, .. } = self.turn.clone();
        // Who adopts the token takes a value of another lineage for a rival's and does not come again, so that what is put
        // there late would stand for its wait.
        *self.undo.task_mut() = if from.lineage() == to.lineage() {
            Task::SetBack(SetBack::new(from, to, self.nodes, ttl).counting(counting))
        } else {
            Task::Delete { value: from, former: None }
        };
        self.finishing = true;
        let Some(round) = self.rounds.last() else { return };
        let lost = if self.undo.repeats() { round.doubtful().without(round.open()) } else { NodeSet::EMPTY };
        round.failed().union(lost).iter().for_each(|node| self.undo.want(node));
    }

    /// Whether another request may follow this answer.
    fn may_ask_after(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Failed(_) => true,
            Outcome::Unknown(_) => self.undo.repeats(),
            Outcome::Granted(_) | Outcome::Revived | Outcome::Refused(_) => false,
        }
    }

    /// Leaves what was granted so far to who releases the lock or hands it back, and undoes what is granted from now on.
    pub(super) fn undo_late_grants(&mut self) {
        self.undoing = true;
    }

    /// From now on the new value is not to stand anywhere: what is still to be undone is deleted.
    pub(super) fn remove(&mut self, resend: Resend) {
        self.undo.set_resend(resend);
        let unconfirmed = self.undo.unconfirmed();
        *self.undo.task_mut() = Task::Delete { value: self.turn.to.clone(), former: None };
        unconfirmed.iter().for_each(|node| self.undo.want(node));
    }

    pub(super) fn next_undo(&mut self, ids: &mut Ids, now: Moment) -> Option<(RequestId, Command)> {
        self.undo.next_request(ids, now)
    }

    pub(super) fn retry_undo(&mut self, now: Moment) {
        if self.blind_at.take_if(|at| *at <= now).is_some() {
            self.silent().iter().for_each(|node| self.undo.want(node));
        }
        self.undo.retry();
    }

    pub(super) fn has_failed_undo(&self) -> bool {
        !self.undo.retriable().is_empty()
    }

    /// When to call [`retry_undo`](Self::retry_undo) for nodes that have not answered.
    pub(super) fn blind_at(&self) -> Option<Moment> {
        self.blind_at.filter(|_| !self.silent().is_empty())
    }

    pub(super) fn stop(&mut self) {
        self.rounds.clear();
        self.undo.stop();
    }

    /// Whether nothing is on its way and nothing is to be undone.
    pub(super) fn is_settled(&self) -> bool {
        self.rounds.iter().all(|round| round.open().is_empty()) && self.undo.is_settled()
    }

    pub(super) fn tally(&self) -> Tally {
        self.rounds.last().map(Round::tally).unwrap_or_default()
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        self.rounds.last().map(Round::answers).unwrap_or_default()
    }

    /// The nodes of the last round that certainly did nothing.
    pub(super) fn failed(&self) -> NodeSet {
        self.rounds.last().map_or(NodeSet::EMPTY, Round::failed)
    }

    /// The nodes of the last round that looked and declined.
    pub(super) fn refused(&self) -> NodeSet {
        self.rounds.last().map_or(NodeSet::EMPTY, Round::refused)
    }

    /// The nodes of the last round that have not answered yet.
    pub(super) fn open(&self) -> NodeSet {
        self.rounds.last().map_or(NodeSet::EMPTY, Round::open)
    }

    pub(super) fn granted(&self) -> NodeSet {
        self.rounds.last().map_or(NodeSet::EMPTY, Round::granted)
    }

    /// The nodes that may hold the new value by what was sent.
    pub(super) fn may_hold(&self) -> NodeSet {
        may_have_done(self.rounds.iter())
    }

    /// The nodes that have not answered yet, and have not granted before.
    fn silent(&self) -> NodeSet {
        let open = self.rounds.iter().map(Round::open).fold(NodeSet::EMPTY, NodeSet::union);
        self.rounds.iter().map(Round::granted).fold(open, NodeSet::without)
    }

    /// The nodes where the old value may yet be rotated away, or come to stand again.
    pub(super) fn in_doubt(&self) -> NodeSet {
        let doubtful = |round: &Round| round.doubtful();
        self.rounds.iter().map(doubtful).fold(self.undo.unconfirmed(), NodeSet::union)
    }

    /// What is known of the fencing number once a quorum has granted; won without one where none is wanted.
    pub(super) fn fence_verdict(&self, quorum: Quorum) -> Verdict {
        let open = self.tally().open;
        self.fencing.as_ref().map_or(Verdict::Won, |fencing| fencing.verdict(quorum, open))
    }

    /// The fencing number.
    pub(super) fn fence(&self) -> Option<u64> {
        self.fencing.as_ref().and_then(Fencing::number)
    }

    /// What raises the counters that stand below it.
    pub(super) fn raise(&mut self, ids: &mut Ids) -> Vec<(RequestId, Command)> {
        let raises = self.fencing.as_mut().map(|fencing| fencing.raise(ids)).unwrap_or_default();
        let Turn { to, ttl, .. } = &self.turn;
        let command = |fence| Command::Raise { value: to.clone(), fence, ttl: *ttl };
        raises.into_iter().map(|(id, fence)| (id, command(fence))).collect()
    }
}
