//! [`Round`]: one question put to every node once.

use super::{Ids, NodeSet, RequestId, Tally};
use crate::{
    Moment, NodeError,
    wire::{Outcome, Refusal},
};

/// What a node has said to one question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was not asked.
    NotAsked,
    /// It has not answered in time, or not before the question was decided without it.
    Open,
    /// It did what it was asked.
    Granted,
    /// It looked and declined.
    Refused(Refusal),
    /// It certainly did nothing.
    Failed(NodeError),
    /// Nobody knows what it did.
    Unknown(NodeError),
}

impl Answer {
    /// Takes in what the node has said since. That it was left out, or that the round was decided before it had answered,
    /// is no news.
    pub(super) fn update(&mut self, answer: Self, time_is_over: bool) {
        let no_news = match answer {
            Self::NotAsked => true,
            Self::Open => !time_is_over,
            Self::Granted | Self::Refused(_) | Self::Failed(_) | Self::Unknown(_) => false,
        };
        if !no_news {
            *self = answer;
        }
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Granted(_) | Outcome::Revived => Self::Granted,
            Outcome::Refused(refusal) => Self::Refused(refusal),
            Outcome::Failed(error) => Self::Failed(error),
            Outcome::Unknown(error) => Self::Unknown(error),
        }
    }
}

/// One question, with the answers so far.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub(super) sent_at: Moment,
    cells: Vec<Cell>,
}

#[derive(Clone, Debug)]
struct Cell {
    id: Option<RequestId>,
    answer: Answer,
}

impl Round {
    /// Asks the nodes in `asked`, of `nodes` in all.
    pub(super) fn new(nodes: usize, asked: NodeSet, ids: &mut Ids, sent_at: Moment) -> Self {
        let cell = |node| match asked.contains(node) {
            true => Cell { id: Some(ids.next(node)), answer: Answer::Open },
            false => Cell { id: None, answer: Answer::NotAsked },
        };
        Self { sent_at, cells: (0..nodes).map(cell).collect() }
    }

    /// The requests of this round, by node.
    pub(super) fn requests(&self) -> impl Iterator<Item = RequestId> {
        self.cells.iter().filter_map(|cell| cell.id)
    }

    /// Takes in a reply; says whether it answers an open request of this round.
    pub(super) fn answer(&mut self, id: RequestId, outcome: Outcome) -> bool {
        let open = |cell: &&mut Cell| cell.id == Some(id) && matches!(cell.answer, Answer::Open);
        let Some(cell) = self.cells.get_mut(id.node()).filter(open) else {
            return false;
        };
        cell.answer = Answer::from(outcome);
        true
    }

    /// Puts another question to a node that has answered.
    pub(super) fn ask_again(&mut self, node: usize, ids: &mut Ids) -> Option<RequestId> {
        let cell = self.cells.get_mut(node)?;
        let id = ids.next(node);
        (cell.id, cell.answer) = (Some(id), Answer::Open);
        Some(id)
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            granted: self.nodes_with(|answer| matches!(answer, Answer::Granted)).len(),
            open: self.open().len(),
        }
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        self.cells.iter().map(|cell| cell.answer.clone()).collect()
    }

    pub(super) fn granted(&self) -> NodeSet {
        self.nodes_with(|answer| matches!(answer, Answer::Granted))
    }

    pub(super) fn refused(&self) -> NodeSet {
        self.nodes_with(|answer| matches!(answer, Answer::Refused(_)))
    }

    pub(super) fn failed(&self) -> NodeSet {
        self.nodes_with(|answer| matches!(answer, Answer::Failed(_)))
    }

    pub(super) fn open(&self) -> NodeSet {
        self.nodes_with(|answer| matches!(answer, Answer::Open))
    }

    /// The nodes of which nobody knows, or not yet, what they did.
    pub(super) fn doubtful(&self) -> NodeSet {
        self.nodes_with(|answer| matches!(answer, Answer::Open | Answer::Unknown(_)))
    }

    fn nodes_with(&self, wanted: impl Fn(&Answer) -> bool) -> NodeSet {
        self.cells.iter().enumerate().filter(|(_, cell)| wanted(&cell.answer)).map(|(node, _)| node).collect()
    }
}
