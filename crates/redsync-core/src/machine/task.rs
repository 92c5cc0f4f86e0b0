//! [`Task`]: what a sweep does at each node.

use std::time::Duration;

use super::NodeSet;
use crate::{
    Moment, Ttl, Value,
    wire::{Command, Counting},
};

/// What to undo, and how.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Delete the value, and the one that it was adopted from.
    Delete { value: Value, former: Option<Former> },
    /// Put the value back that was rotated away.
    SetBack(SetBack),
}

/// The value that a lock was adopted from, or handed back to: whose it is when it stands somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The token's value.
    pub value: Value,
    /// Until when it goes with the lock, and not after a reply was lost either. Then somebody else may have had the lock, and
    /// handed it back to the token, which has this value again.
    pub until: Moment,
    /// Where it goes with the lock all the same: it has stood there for the whole time, and would for long.
    pub lasting: NodeSet,
}

impl Former {
    fn to_delete(&self, node: usize, is_first: bool, now: Moment) -> Option<Value> {
        ((is_first && now < self.until) || self.lasting.contains(node)).then(|| self.value.clone())
    }
}

/// A rotation to be undone.
#[derive(Clone, Debug)]
pub(super) struct SetBack {
    pub(super) from: Value,
    pub(super) to: Value,
    /// When the value would have ended at each node, where that is known.
    ends: Vec<Option<Moment>>,
    /// What it stands for again if no node has told, or nothing where it is not to stand at a node that has not told.
    otherwise: Option<Ttl>,
    counting: Counting,
}

impl Task {
    /// Whether the value that the lock was adopted from is to go too.
    pub(super) fn deletes_former(&self) -> bool {
        matches!(self, Self::Delete { former: Some(_), .. })
    }

    /// `in_one` says whether it must not come later than it is sent now, and so the script's text has to go along;
    /// `is_first`, whether none was sent before that may have been executed.
    pub(super) fn command(&self, node: usize, in_one: bool, is_first: bool, now: Moment) -> Command {
        match self {
            Self::Delete { value, former } => {
                let former = former.as_ref().and_then(|former| former.to_delete(node, is_first, now));
                let in_one = in_one || former.is_some();
                Command::Release { value: value.clone(), former, in_one }
            }
            Self::SetBack(set_back) => set_back.command(node, in_one, now),
        }
    }
}

impl SetBack {
    /// Where no node tells, the value is to stand again for so long.
    pub(super) fn new(from: Value, to: Value, nodes: usize, otherwise: Ttl) -> Self {
        Self { from, to, ends: vec![None; nodes], otherwise: Some(otherwise), counting: Counting::Off }
    }

    /// At a node that does not tell that the value has stood there, nothing is to stand.
    pub(super) fn where_told(from: Value, to: Value, nodes: usize) -> Self {
        Self { from, to, ends: vec![None; nodes], otherwise: None, counting: Counting::Off }
    }

    /// The lock's counter is to outlast the value that stands again.
    #[must_use]
    pub(super) fn counting(self, counting: Counting) -> Self {
        Self { counting: counting.kept(), ..self }
    }

    /// A node has told when the value would have ended there, or that it has not stood.
    pub(super) fn note_end(&mut self, node: usize, end: Moment) {
        if let Some(place) = self.ends.get_mut(node) {
            *place = Some(end);
        }
    }

    /// The value stands again for as long as it would have stood anyway, and where that is over it is gone. What stands
    /// there by then under its name is left alone.
    fn command(&self, node: usize, in_one: bool, now: Moment) -> Command {
        let (from, to) = (self.from.clone(), self.to.clone());
        let known = self.ends.get(node).copied().flatten();
        match self.left(known, now).and_then(Ttl::new) {
            Some(ttl) => Command::Rotate { from, to, ttl, counting: self.counting, in_one },
            None => Command::Release { value: from, former: None, in_one },
        }
    }

    fn left(&self, known: Option<Moment>, now: Moment) -> Option<Duration> {
        let since = |end: Moment| end.since(now);
        match self.otherwise {
            // All nodes got it for the same time at about the same time, so that one may stand in for another.
            Some(otherwise) => {
                let end = known.or_else(|| self.ends.iter().copied().flatten().max());
                Some(end.map_or(otherwise.as_duration(), since))
            }
            None => known.map(since),
        }
    }
}

/// The nodes where something was asked for that may have been done, by the rounds that asked.
pub(super) fn may_have_done<'a>(rounds: impl Iterator<Item = &'a super::round::Round>) -> NodeSet {
    rounds.fold(NodeSet::EMPTY, |nodes, round| nodes.union(round.granted()).union(round.doubtful()))
}
