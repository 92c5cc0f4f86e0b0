//! [`Sweep`]: deletes one value at some nodes, or puts another in its place, whatever becomes of the requests.

use super::{Ids, NodeSet, RequestId, task::Task};
use crate::{
    Answer, Moment,
    wire::{Command, Outcome, Refusal},
};

/// When a delete may be sent, and sent again. What certainly was not executed may be sent again in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    /// Whether to send it again after its reply was lost.
    pub after_lost_reply: bool,
    /// Whether to send it again where another one who wanted to adopt the lock has to set the former value back first.
    pub after_rivals: bool,
    /// The moment after which nothing is sent at all.
    pub until: Option<Moment>,
}

impl Resend {
    /// For a value that nobody else ever uses: deleting it once more does no harm.
    pub const FRESH: Self = Self { after_lost_reply: true, after_rivals: true, until: None };

    /// The same for a lock that may have been handed back: who has the former value since is no rival, and has it to
    /// himself.
    pub const GIVEN_BACK: Self = Self { after_rivals: false, ..Self::FRESH };

    /// For a value that rivals may use too, at nodes that certainly granted it. Each grant is deleted once: after a
    /// lost reply the key that stands there may be a rival's. A delete that certainly was not executed leaves
    /// ours in place, until `end`, when its TTL may be over.
    pub const fn once_until(end: Moment) -> Self {
        Self { after_lost_reply: false, after_rivals: false, until: Some(end) }
    }

    /// For a value that rivals may use too, of a lock of which only the value is known.
    pub const ONCE: Self = Self { after_lost_reply: false, after_rivals: false, until: None };

    pub(crate) fn allows_sending(self, now: Moment) -> bool {
        self.until.is_none_or(|end| now < end)
    }
}

/// Carries out its task at the nodes that it is told to. "Delete" here stands for either task.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    task: Task,
    resend: Resend,
    nodes: usize,
    /// One for each node, once there is something to do at any: mostly there is nothing to undo.
    cells: Vec<Cell>,
}

#[derive(Clone, Debug)]
struct Cell {
    stage: Stage,
    /// What the last answered request came to.
    last: Answer,
    /// Whether any reply was lost: a key that is missing afterwards may have been deleted by that request.
    lost_reply: bool,
    /// Whether something else of ours may have deleted it.
    may_be_deleted: bool,
    /// Whether it has turned out that there is nothing to delete.
    needless: bool,
    /// Whether what is left to do was left to somebody else.
    is_left: bool,
}

impl Cell {
    const CLEAN: Self = Self {
        stage: Stage::Rest,
        last: Answer::NotAsked,
        lost_reply: false,
        may_be_deleted: false,
        needless: false,
        is_left: false,
    };
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Nothing was asked, or the last request was answered.
    Rest,
    /// To be sent.
    Wanted,
    /// Sent; `again` when it is to be repeated after its answer, since what it removes may come later.
    Sent { id: RequestId, again: bool },
}

/// What a node held when the sweep came, as far as its answers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The value; it was deleted.
    Held,
    /// No value, or another.
    NotHeld,
    /// It does not hold the value now. Whether it did is lost with a reply.
    GoneNow,
    /// Not known.
    Open,
}

impl Sweep {
    pub(super) fn new(task: Task, nodes: usize, resend: Resend) -> Self {
        Self { task, resend, nodes, cells: Vec::new() }
    }

    fn cell(&mut self, node: usize) -> Option<&mut Cell> {
        if self.cells.is_empty() {
            self.cells = vec![Cell::CLEAN; self.nodes];
        }
        self.cells.get_mut(node)
    }

    pub(super) fn task_mut(&mut self) -> &mut Task {
        &mut self.task
    }

    /// Takes a missing key at these nodes for one that something else of ours may have deleted.
    pub(super) fn expect_deleted(&mut self, nodes: NodeSet) {
        for node in nodes.iter() {
            if let Some(cell) = self.cell(node) {
                cell.may_be_deleted = true;
            }
        }
    }

    pub(super) fn set_resend(&mut self, resend: Resend) {
        self.resend = resend;
    }

    /// Whether what a lost reply was to is sent again.
    pub(super) fn repeats(&self) -> bool {
        self.resend.after_lost_reply
    }

    /// Nobody is about to set the former value back any more.
    pub(super) fn leave_to_rivals(&mut self) {
        self.resend.after_rivals = false;
    }

    /// Wants the value deleted at `node`; once more if a delete is on its way already.
    pub(super) fn want(&mut self, node: usize) {
        if let Some(cell) = self.cell(node) {
            match &mut cell.stage {
                Stage::Sent { again, .. } => *again = true,
                Stage::Rest | Stage::Wanted => cell.stage = Stage::Wanted,
            }
        }
    }

    /// There is nothing to delete at `node`: what is on its way there is not repeated.
    pub(super) fn spare(&mut self, node: usize) {
        if let Some(cell) = self.cell(node) {
            cell.needless = true;
            match &mut cell.stage {
                Stage::Sent { again, .. } => *again = false,
                Stage::Rest | Stage::Wanted => cell.stage = Stage::Rest,
            }
        }
    }

    /// Wants everything deleted where that failed and may be sent again.
    pub(super) fn retry(&mut self) {
        for node in self.retriable().iter() {
            self.want(node);
        }
    }

    /// The next request to send, if sending is still allowed.
    pub(super) fn next_request(&mut self, ids: &mut Ids, now: Moment) -> Option<(RequestId, Command)> {
        if !self.resend.allows_sending(now) {
            self.send_no_more();
            return None;
        }
        let mut cells = self.cells.iter_mut().enumerate();
        let (node, cell) = cells.find(|(_, cell)| matches!(cell.stage, Stage::Wanted))?;
        let id = ids.next(node);
        cell.stage = Stage::Sent { id, again: false };
        // What must not be sent again must not be sent in two steps either: the second could come too late.
        let in_one = !self.resend.after_lost_reply;
        Some((id, self.task.command(node, in_one, !cell.lost_reply, now)))
    }

    /// Takes in a reply; says whether it answers a request of this sweep.
    pub(super) fn answer(&mut self, id: RequestId, outcome: &Outcome) -> bool {
        let Some(cell) = self.cells.get_mut(id.node()) else { return false };
        let Stage::Sent { id: sent, again } = cell.stage else { return false };
        if sent != id {
            return false;
        }
        cell.last = Answer::from(outcome.clone());
        cell.lost_reply |= matches!(cell.last, Answer::Unknown(_));
        cell.stage = if again && self.resend.after_lost_reply { Stage::Wanted } else { Stage::Rest };
        true
    }

    /// The nodes where a delete failed and may be sent again, or came too early.
    pub(super) fn retriable(&self) -> NodeSet {
        self.nodes_with(|cell| match (&cell.stage, &cell.last) {
            _ if cell.needless || cell.is_left => false,
            (Stage::Rest, Answer::Failed(_)) => true,
            (Stage::Rest, Answer::Unknown(_)) => self.resend.after_lost_reply,
            // Who stands there wanted to adopt the lock as well, and puts the former value back.
            (Stage::Rest, Answer::Refused(Refusal::Adopted)) => {
                self.resend.after_rivals && self.task.deletes_former()
            }
            (Stage::Rest | Stage::Wanted | Stage::Sent { .. }, _) => false,
        })
    }

    /// The nodes where a delete is on its way.
    pub(super) fn sent(&self) -> NodeSet {
        self.nodes_with(|cell| matches!(cell.stage, Stage::Sent { .. }))
    }

    /// The nodes where a delete was wanted and is not confirmed.
    pub(super) fn unconfirmed(&self) -> NodeSet {
        self.nodes_with(|cell| match (&cell.stage, &cell.last) {
            (Stage::Wanted | Stage::Sent { .. }, _) => true,
            (Stage::Rest, _) if cell.needless => false,
            // It stands there still, and nothing that could disturb it is on its way.
            (Stage::Rest, Answer::Failed(_)) if cell.is_left && !cell.lost_reply => false,
            (Stage::Rest, Answer::Failed(_) | Answer::Unknown(_) | Answer::Open) => true,
            (Stage::Rest, Answer::NotAsked | Answer::Granted | Answer::Refused(_)) => false,
        })
    }

    /// Whether nothing is on its way and nothing is to be sent again.
    pub(super) fn is_settled(&self) -> bool {
        self.sent().is_empty() && self.retriable().is_empty()
    }

    /// The nodes where the value certainly still stands: the delete was not executed.
    pub(super) fn not_deleted(&self) -> NodeSet {
        self.nodes_with(|cell| {
            matches!((&cell.stage, &cell.last), (Stage::Rest, Answer::Failed(_))) && !cell.lost_reply
        })
    }

    /// Nobody else does what is left to do.
    pub(super) fn take_back(&mut self) {
        self.cells.iter_mut().for_each(|cell| cell.is_left = false);
    }

    /// Leaves these nodes to somebody else: nothing more is sent there.
    pub(super) fn leave(&mut self, nodes: NodeSet) {
        for node in nodes.iter() {
            if let Some(cell) = self.cell(node) {
                cell.is_left = true;
            }
        }
    }

    /// Forgets what is on its way and sends nothing again.
    pub(super) fn stop(&mut self) {
        self.stop_but_at(NodeSet::EMPTY);
    }

    /// The same, but for these nodes.
    pub(super) fn stop_but_at(&mut self, nodes: NodeSet) {
        let cells = self.cells.iter_mut().enumerate();
        cells.filter(|(node, _)| !nodes.contains(*node)).for_each(|(_, cell)| *cell = Cell::CLEAN);
    }

    /// The nodes where the sweep found this.
    pub(super) fn found(&self, wanted: Found) -> NodeSet {
        self.nodes_with(|cell| {
            let found = match (&cell.last, cell.lost_reply || cell.may_be_deleted) {
                (Answer::Granted, _) => Found::Held,
                (Answer::Refused(_), false) => Found::NotHeld,
                (Answer::Refused(_), true) => Found::GoneNow,
                (Answer::NotAsked | Answer::Open | Answer::Failed(_) | Answer::Unknown(_), _) => Found::Open,
            };
            found == wanted
        })
    }

    /// What each node last answered.
    pub(super) fn answers(&self) -> Vec<Answer> {
        let answer = |cell: &Cell| match (&cell.stage, &cell.last) {
            (Stage::Wanted | Stage::Sent { .. }, Answer::NotAsked) => Answer::Open,
            (Stage::Rest | Stage::Wanted | Stage::Sent { .. }, last) => last.clone(),
        };
        (0..self.nodes).map(|node| self.cells.get(node).map_or(Answer::NotAsked, answer)).collect()
    }

    /// What may no longer be sent is left as it is, and is nothing to wake up for.
    fn send_no_more(&mut self) {
        for cell in &mut self.cells {
            cell.is_left = true;
            if matches!(cell.stage, Stage::Wanted) {
                cell.stage = Stage::Rest;
            }
        }
    }

    fn nodes_with(&self, wanted: impl Fn(&Cell) -> bool) -> NodeSet {
        self.cells.iter().enumerate().filter(|(_, cell)| wanted(cell)).map(|(node, _)| node).collect()
    }
}
