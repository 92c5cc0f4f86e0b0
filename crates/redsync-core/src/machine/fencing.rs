//! [`Fencing`]: from the numbers that nodes draw to the fencing number of a lock.
//!
//! Taking the highest of what a quorum has drawn is not enough for numbers that rise: two quorums need not have their
//! highest in common. What is enough: a quorum of nodes that stand at *exactly* the number while they hold the lock's
//! value. Any two such quorums share a node, where one holder's time from the grant to that answer lies wholly before
//! the other's. Nodes that stand below are raised first. One that stands above makes a new number, which all the others
//! then are below: counting it as it is would let a lock whose late grant stands above its own number be followed by
//! one with a lower.

use super::{Ids, Quorum, RequestId, Tally, Verdict};
use crate::wire::Outcome;

/// The fencing number of one round, and the nodes that count towards it.
#[derive(Clone, Debug)]
pub(super) struct Fencing {
    /// The highest number that any node has told.
    highest: Option<u64>,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// Where the counter stands there, by the node's last word while it held the value.
    stands: Option<u64>,
    /// The request to raise it that is on its way, and to where.
    raising: Option<(RequestId, u64)>,
}

impl Fencing {
    pub(super) fn new(nodes: usize) -> Self {
        Self { highest: None, cells: vec![Cell::default(); nodes] }
    }

    /// The number, as far as it is known.
    pub(super) fn number(&self) -> Option<u64> {
        self.highest
    }

    /// A node has told where its counter stands while it holds the value.
    pub(super) fn note(&mut self, node: usize, stands: u64) {
        self.highest = self.highest.max(Some(stands));
        if let Some(cell) = self.cells.get_mut(node) {
            cell.stands = Some(stands);
        }
    }

    /// What the answers amount to, where `open` nodes may still tell a number.
    pub(super) fn verdict(&self, quorum: Quorum, open: usize) -> Verdict {
        let counting = self.cells.iter().filter(|cell| self.counts(cell)).count();
        let behind = self.cells.iter().filter(|cell| self.may_come_to_count(cell)).count();
        quorum.verdict(Tally { granted: counting, open: behind + open })
    }

    /// The requests that raise the nodes which stand below the number.
    pub(super) fn raise(&mut self, ids: &mut Ids) -> Vec<(RequestId, u64)> {
        let Some(highest) = self.highest else { return Vec::new() };
        let is_behind = |cell: &Cell| cell.stands.is_some_and(|stands| stands < highest);
        let behind = self.cells.iter_mut().enumerate().filter(|(_, cell)| is_behind(cell));
        let idle = behind.filter(|(_, cell)| cell.raising.is_none_or(|(_, to)| to < highest));
        idle.map(|(node, cell)| {
            let id = ids.next(node);
            cell.raising = Some((id, highest));
            (id, highest)
        })
        .collect()
    }

    /// Takes in a reply; says whether it answers a request to raise a counter.
    pub(super) fn answer(&mut self, id: RequestId, outcome: &Outcome) -> bool {
        let Some(cell) = self.cells.get_mut(id.node()) else { return false };
        let Some((_, to)) = cell.raising.take_if(|(sent, _)| *sent == id) else { return false };
        // It has lost the lock, or is out of reach, or was not raised, which would be asked for again and again: it does
        // not count any more.
        cell.stands = None;
        if let Outcome::Granted(grant) = outcome {
            grant
                .fence
                .into_iter()
                .filter(|stands| *stands >= to)
                .for_each(|stands| self.note(id.node(), stands));
        }
        true
    }

    /// The nodes that stand at exactly the number.
    fn counts(&self, cell: &Cell) -> bool {
        cell.stands.is_some() && cell.stands == self.highest
    }

    fn may_come_to_count(&self, cell: &Cell) -> bool {
        cell.stands.is_some() && !self.counts(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Grant;

    const fn at(fence: u64) -> Outcome {
        Outcome::Granted(Grant { fence: Some(fence), left: None })
    }

    fn three() -> (Fencing, Quorum, Ids) {
        (Fencing::new(3), Quorum::majority(3).expect("a majority"), Ids::default())
    }

    #[test]
    fn nodes_in_step_need_no_second_question() {
        let (mut fencing, quorum, mut ids) = three();
        fencing.note(0, 7);
        assert_eq!(fencing.verdict(quorum, 2), Verdict::Pending);
        fencing.note(2, 7);
        assert_eq!((fencing.verdict(quorum, 1), fencing.number()), (Verdict::Won, Some(7)));
        assert!(fencing.raise(&mut ids).is_empty());
    }

    #[test]
    fn a_node_below_counts_once_it_was_raised() {
        let (mut fencing, quorum, mut ids) = three();
        fencing.note(0, 5);
        fencing.note(1, 9);
        let [(id, 9)] = fencing.raise(&mut ids)[..] else { panic!("one request") };
        assert_eq!((id.node(), fencing.verdict(quorum, 0)), (0, Verdict::Pending));
        assert!(fencing.raise(&mut ids).is_empty(), "it is on its way");
        assert!(fencing.answer(id, &at(9)));
        assert_eq!(fencing.verdict(quorum, 0), Verdict::Won);
    }

    #[test]
    fn a_higher_number_begins_the_count_anew() {
        let (mut fencing, quorum, mut ids) = three();
        fencing.note(0, 5);
        fencing.note(1, 5);
        fencing.note(2, 6);
        assert_eq!((fencing.verdict(quorum, 0), fencing.number()), (Verdict::Pending, Some(6)));
        let ids: Vec<_> = fencing.raise(&mut ids).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids.iter().map(|id| id.node()).collect::<Vec<_>>(), [0, 1]);
        assert!(fencing.answer(ids[0], &Outcome::Refused(crate::wire::Refusal::Missing)));
        assert!(!fencing.answer(ids[0], &at(6)), "answered before");
        assert_eq!(fencing.verdict(quorum, 0), Verdict::Pending);
        assert!(fencing.answer(ids[1], &at(6)));
        assert_eq!(fencing.verdict(quorum, 0), Verdict::Won);
    }

    #[test]
    fn a_node_that_does_not_do_as_it_says_is_not_asked_again() {
        for fence in [None, Some(5), Some(8)] {
            let (mut fencing, quorum, mut ids) = three();
            fencing.note(0, 5);
            fencing.note(1, 9);
            let [(id, 9)] = fencing.raise(&mut ids)[..] else { panic!("one request") };
            assert!(fencing.answer(id, &Outcome::Granted(Grant { fence, left: None })));
            assert!(fencing.raise(&mut ids).is_empty(), "{fence:?}");
            assert_eq!(fencing.verdict(quorum, 0), Verdict::Lost, "{fence:?}");
        }
    }

    #[test]
    fn too_few_that_can_be_raised_are_lost() {
        let (mut fencing, quorum, mut ids) = three();
        fencing.note(0, 5);
        fencing.note(1, 9);
        for (id, _) in fencing.raise(&mut ids) {
            fencing.answer(id, &Outcome::Unknown(crate::NodeError::unknown("lost")));
        }
        assert_eq!(
            (fencing.verdict(quorum, 1), fencing.verdict(quorum, 0)),
            (Verdict::Pending, Verdict::Lost)
        );
    }
}
