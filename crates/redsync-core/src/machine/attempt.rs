//! [`Attempt`]: one round of an acquire, and the clean-up of what it set.

use super::{
    Deletes, Ids, NodeSet, Quorum, RequestId, Resend, Tally, Verdict, fencing::Fencing, round::Round,
    sweep::Sweep, task::Task,
};
use crate::{
    Answer, Moment, Ttl, Value,
    wire::{Command, Grant, Outcome, Refusal},
};

/// One value, offered to the nodes once.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) value: Value,
    /// Whether rivals may use the same value.
    pub(super) exact: bool,
    /// Until when a lock that this attempt wins is valid.
    pub(super) valid_until: Moment,
    undo_until: Moment,
    round: Round,
    /// Where the lock is to have a fencing number.
    fencing: Option<Fencing>,
    undo: Sweep,
    abandoned: bool,
    /// Whether the lock that it had won was given back.
    given_back: bool,
    /// The nodes that have told of their grants since, and where a delete of the release may have come after that. A value that
    /// rivals may use too is released only where it was granted before.
    late: NodeSet,
}

impl Attempt {
    /// `undo_until` is the moment after which the undo of a value that rivals may use too could come too late.
    pub(super) fn new(
        value: Value,
        exact: bool,
        round: Round,
        nodes: usize,
        valid_until: Moment,
        undo_until: Moment,
    ) -> Self {
        let task = Task::Delete { value: value.clone(), former: None };
        let undo = Sweep::new(task, nodes, resend(exact, undo_until));
        let (fencing, late) = (None, NodeSet::EMPTY);
        let (abandoned, given_back) = (false, false);
        Self { value, exact, valid_until, undo_until, round, fencing, undo, abandoned, given_back, late }
    }

    /// Wants a fencing number too.
    #[must_use]
    pub(super) fn fenced(self, nodes: usize) -> Self {
        Self { fencing: Some(Fencing::new(nodes)), ..self }
    }

    /// Takes in a reply; says whether it answers a request of this attempt.
    pub(super) fn answer(&mut self, id: RequestId, outcome: Outcome) -> bool {
        if self.undo.answer(id, &outcome) {
            return true;
        }
        if self.fencing.as_mut().is_some_and(|fencing| fencing.answer(id, &outcome)) {
            return true;
        }
        let outcome = self.as_ours(outcome);
        if !self.round.answer(id, outcome.clone()) {
            return false;
        }
        self.note_fence(id.node(), &outcome);
        if self.abandoned {
            self.undo_late(id.node(), &outcome);
        }
        true
    }

    fn note_fence(&mut self, node: usize, outcome: &Outcome) {
        if let (Some(fencing), Outcome::Granted(Grant { fence: Some(fence), .. })) =
            (&mut self.fencing, outcome)
        {
            fencing.note(node, *fence);
        }
    }

    /// What is known of the fencing number once a quorum has granted; won without one where none is wanted.
    pub(super) fn fence_verdict(&self, quorum: Quorum) -> Verdict {
        self.fencing.as_ref().map_or(Verdict::Won, |fencing| fencing.verdict(quorum, self.round.open().len()))
    }

    /// The fencing number.
    pub(super) fn fence(&self) -> Option<u64> {
        self.fencing.as_ref().and_then(Fencing::number)
    }

    /// What raises the counters that stand below it.
    pub(super) fn raise(&mut self, ttl: Ttl, ids: &mut Ids) -> Vec<(RequestId, Command)> {
        let raises = self.fencing.as_mut().map(|fencing| fencing.raise(ids)).unwrap_or_default();
        let command = |fence| Command::Raise { value: self.value.clone(), fence, ttl };
        raises.into_iter().map(|(id, fence)| (id, command(fence))).collect()
    }

    /// A delete that was sent before this late answer may have come too early, or was in vain.
    fn undo_late(&mut self, node: usize, outcome: &Outcome) {
        match outcome {
            Outcome::Granted(_) | Outcome::Revived if self.given_back && !self.exact => {
                self.late.insert(node)
            }
            Outcome::Granted(_) | Outcome::Revived => self.undo.want(node),
            Outcome::Unknown(_) if !self.exact => self.undo.want(node),
            Outcome::Unknown(_) => {}
            Outcome::Refused(_) | Outcome::Failed(_) => self.undo.spare(node),
        }
    }

    /// Gives up what this attempt set.
    ///
    /// A node that answered "taken" or that certainly did nothing is left alone. One of which nothing is known is
    /// cleaned at once, and again after its late answer; unless a rival may use the same value, whose
    /// key would then be hit: there only a proven grant is undone.
    pub(super) fn abandon(&mut self) {
        if std::mem::replace(&mut self.abandoned, true) {
            return;
        }
        let doubtful = if self.exact { NodeSet::EMPTY } else { self.round.doubtful() };
        for node in self.round.granted().union(doubtful).iter() {
            self.undo.want(node);
        }
    }

    /// Leaves what was granted so far to who gives the lock back, and removes what is granted from now on. One that was given
    /// up before has not won the lock.
    pub(super) fn abandon_late_grants(&mut self) {
        self.given_back |= !std::mem::replace(&mut self.abandoned, true);
    }

    /// Removes what was granted late, but where the release has found it and removed it; and looks again where the release has
    /// not been answered yet.
    ///
    /// What set the value has been executed, once, since it was answered: who finds the value deletes it for good. Mostly
    /// both requests go over one connection, and the grant comes back just ahead of the delete.
    pub(super) fn judge_late_grants(&mut self, deletes: Deletes) {
        let judged = self.late.without(deletes.under_way);
        self.late = self.late.without(judged);
        judged.without(deletes.done).iter().for_each(|node| self.undo.want(node));
    }

    pub(super) fn has_late_grants(&self) -> bool {
        !self.late.is_empty()
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// From now on this value counts as one that rivals may use too.
    pub(super) fn turn_exact(&mut self) {
        self.exact = true;
        self.undo.set_resend(resend(true, self.undo_until));
    }

    pub(super) fn next_undo(&mut self, ids: &mut Ids, now: Moment) -> Option<(RequestId, Command)> {
        self.undo.next_request(ids, now)
    }

    pub(super) fn retry_undo(&mut self) {
        self.undo.retry();
    }

    pub(super) fn has_failed_undo(&self) -> bool {
        !self.undo.retriable().is_empty()
    }

    /// Whether nothing about this attempt can matter any more. What is in doubt about a value that rivals may
    /// use too has no end that could be seen; it is kept until the machine stops settling.
    pub(super) fn is_settled(&self) -> bool {
        let in_doubt = if self.exact { self.in_doubt() } else { NodeSet::EMPTY };
        self.round.open().is_empty() && self.late.is_empty() && self.undo.is_settled() && in_doubt.is_empty()
    }

    /// The nodes that may yet come to hold the value, or lose it, by what this attempt has sent.
    pub(super) fn in_doubt(&self) -> NodeSet {
        let asked = if self.abandoned { self.round.doubtful() } else { NodeSet::EMPTY };
        asked.union(self.undo.unconfirmed())
    }

    pub(super) fn tally(&self) -> Tally {
        self.round.tally()
    }

    /// The nodes that have not answered yet.
    pub(super) fn open(&self) -> NodeSet {
        self.round.open()
    }

    pub(super) fn granted(&self) -> NodeSet {
        self.round.granted()
    }

    /// The nodes that certainly do not hold the value, and never will by what this attempt has sent.
    pub(super) fn absent(&self) -> NodeSet {
        self.round.refused().union(self.round.failed())
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        self.round.answers()
    }

    /// A client that re-sends by itself can be refused by its own first request. Where the value is ours alone that is
    /// a grant; where a rival may have set the same value it never is.
    fn as_ours(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Refused(Refusal::SameValue) if !self.exact => Outcome::GRANTED,
            Outcome::Granted(_)
            | Outcome::Revived
            | Outcome::Refused(_)
            | Outcome::Failed(_)
            | Outcome::Unknown(_) => outcome,
        }
    }
}

fn resend(exact: bool, undo_until: Moment) -> Resend {
    if exact { Resend::once_until(undo_until) } else { Resend::FRESH }
}
