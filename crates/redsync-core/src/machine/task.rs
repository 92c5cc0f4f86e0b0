//! [`Task`]: what a sweep does at each node.

use super::NodeSet;
use crate::{Moment, Ttl, Value, wire::Command};

/// What to undo, and how.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Delete the value, and the one that it was adopted from.
    Delete { value: Value, former: Option<Value> },
    /// Put the value back that was rotated away.
    SetBack(SetBack),
}

/// A rotation to be undone.
#[derive(Clone, Debug)]
pub(super) struct SetBack {
    pub(super) from: Value,
    pub(super) to: Value,
    /// When the value would have ended at each node, where that is known.
    ends: Vec<Option<Moment>>,
    /// What it stands for again where nothing is known.
    otherwise: Ttl,
}

impl Task {
    /// Whether the value that the lock was adopted from is to go too.
    pub(super) fn deletes_former(&self) -> bool {
        matches!(self, Self::Delete { former: Some(_), .. })
    }

    /// `in_one` says whether the script's text has to go along.
    pub(super) fn command(&self, node: usize, in_one: bool, now: Moment) -> Command {
        match self {
            Self::Delete { value, former } => {
                Command::Release { value: value.clone(), former: former.clone(), in_one }
            }
            Self::SetBack(set_back) => set_back.command(node, now),
        }
    }
}

impl SetBack {
    pub(super) fn new(from: Value, to: Value, nodes: usize, otherwise: Ttl) -> Self {
        Self { from, to, ends: vec![None; nodes], otherwise }
    }

    /// A node has told when the value would have ended there.
    pub(super) fn note_end(&mut self, node: usize, end: Moment) {
        if let Some(place) = self.ends.get_mut(node) {
            *place = Some(end);
        }
    }

    /// The value stands again for as long as it would have stood anyway, and where that is over it is gone.
    fn command(&self, node: usize, now: Moment) -> Command {
        match Ttl::new(self.left(node, now)) {
            Some(ttl) => {
                Command::Rotate { from: self.from.clone(), to: self.to.clone(), ttl, proposal: None }
            }
            None => Command::Release { value: self.from.clone(), former: None, in_one: false },
        }
    }

    /// All nodes got it for the same time at about the same time, so that one may stand in for another that did not tell.
    fn left(&self, node: usize, now: Moment) -> std::time::Duration {
        let known = self.ends.get(node).copied().flatten();
        let end = known.or_else(|| self.ends.iter().copied().flatten().max());
        end.map_or(self.otherwise.as_duration(), |end| end.since(now))
    }
}

/// The nodes where something was asked for that may have been done, by the rounds that asked.
pub(super) fn may_have_done<'a>(rounds: impl Iterator<Item = &'a super::round::Round>) -> NodeSet {
    rounds.fold(NodeSet::EMPTY, |nodes, round| nodes.union(round.granted()).union(round.doubtful()))
}
