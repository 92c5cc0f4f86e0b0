//! Vote arithmetic, apart from all flow.

/// How many nodes there are, and how many of them have to grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    nodes: usize,
    needed: usize,
}

impl Quorum {
    /// The least majority of `nodes`; `None` for no nodes or more than [`NodeSet::CAPACITY`].
    pub const fn majority(nodes: usize) -> Option<Self> {
        Self::new(nodes, nodes / 2 + 1)
    }

    /// `needed` of `nodes`; `None` unless that is a majority of 1 to [`NodeSet::CAPACITY`] nodes.
    pub const fn new(nodes: usize, needed: usize) -> Option<Self> {
        let possible = nodes >= 1 && nodes <= NodeSet::CAPACITY;
        if possible && needed > nodes / 2 && needed <= nodes { Some(Self { nodes, needed }) } else { None }
    }

    /// How many nodes there are.
    pub const fn nodes(self) -> usize {
        self.nodes
    }

    /// How many of them have to grant.
    pub const fn needed(self) -> usize {
        self.needed
    }

    /// Whether so many nodes are enough to make a quorum impossible.
    pub const fn is_blocked_by(self, against: usize) -> bool {
        against > self.nodes - self.needed
    }

    /// Whether a rival may have had a quorum of the nodes that were without a lock: the `known` ones earlier, whatever
    /// stands there by now, and the `refused` ones now. Where none is known from earlier, votes alone decide.
    pub const fn may_be_rivals(self, known: NodeSet, refused: NodeSet) -> bool {
        !known.is_empty() && known.union(refused).len() >= self.needed
    }

    /// What the votes amount to.
    pub const fn verdict(self, tally: Tally) -> Verdict {
        if tally.granted >= self.needed {
            Verdict::Won
        } else if tally.granted + tally.open < self.needed {
            Verdict::Lost
        } else {
            Verdict::Pending
        }
    }
}

/// Votes counted. Nodes in neither number voted against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many granted.
    pub granted: usize,
    /// How many have not answered yet.
    pub open: usize,
}

/// What votes amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It depends on nodes that have not answered.
    Pending,
    /// A quorum granted.
    Won,
    /// No quorum can grant any more.
    Lost,
}

/// A set of node indices below [`NodeSet::CAPACITY`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeSet(u64);

impl NodeSet {
    /// The most nodes that a quorum can have. Redlock is used with 3 to 7.
    pub const CAPACITY: usize = 64;

    /// No node.
    pub const EMPTY: Self = Self(0);

    /// The nodes with an index below `count`.
    pub const fn first(count: usize) -> Self {
        if count >= Self::CAPACITY { Self(u64::MAX) } else { Self((1 << count) - 1) }
    }

    /// Adds a node; one beyond the capacity is ignored.
    pub const fn insert(&mut self, node: usize) {
        self.0 |= Self::bit(node);
    }

    /// Takes a node out.
    pub const fn remove(&mut self, node: usize) {
        self.0 &= !Self::bit(node);
    }

    /// Whether the node is in the set.
    pub const fn contains(self, node: usize) -> bool {
        self.0 & Self::bit(node) != 0
    }

    /// Whether no node is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The nodes that are in this set or in `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The nodes that are in this set but not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The nodes that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// How many nodes are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The nodes in the set, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::CAPACITY).filter(move |&node| self.contains(node))
    }

    const fn bit(node: usize) -> u64 {
        if node < Self::CAPACITY { 1 << node } else { 0 }
    }
}

impl FromIterator<usize> for NodeSet {
    fn from_iter<I: IntoIterator<Item = usize>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        nodes.into_iter().for_each(|node| set.insert(node));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_quorums_of_the_same_nodes_always_share_one() {
        for nodes in 1..=NodeSet::CAPACITY {
            let least = Quorum::majority(nodes).expect("within the capacity");
            assert!(2 * least.needed() > nodes);
            assert!(Quorum::new(nodes, least.needed() - 1).is_none(), "{nodes}: below a majority");
            assert!(Quorum::new(nodes, nodes + 1).is_none(), "{nodes}: more than there are");
        }
        assert!(Quorum::majority(0).is_none());
        assert!(Quorum::majority(NodeSet::CAPACITY + 1).is_none());
    }

    #[test]
    fn verdicts() {
        for (nodes, granted, open, expected) in [
            (1, 0, 1, Verdict::Pending),
            (1, 1, 0, Verdict::Won),
            (1, 0, 0, Verdict::Lost),
            (5, 3, 2, Verdict::Won),
            (5, 2, 1, Verdict::Pending),
            (5, 2, 0, Verdict::Lost),
            (4, 2, 0, Verdict::Lost),
            (4, 2, 1, Verdict::Pending),
        ] {
            let quorum = Quorum::majority(nodes).expect("at least one node");
            assert_eq!(quorum.verdict(Tally { granted, open }), expected, "{granted}+{open} of {nodes}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set = NodeSet::first(3);
        set.remove(1);
        set.insert(63);
        set.insert(64);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 2, 63]);
        assert_eq!(set.len(), 3);
        assert!(!set.contains(64));
    }
}
