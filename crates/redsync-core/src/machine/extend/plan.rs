//! What an [`Extend`](super::Extend) is to do, and how it fails.

use std::time::Duration;

use crate::{
    Answer, Delay, Moment, Ttl, Value,
    machine::{
        Drift, GaveUp, NodeSet, Quorum,
        task::{SetBack, Task},
    },
    wire::{Command, Counting},
};

/// What an [`Extend`](super::Extend) is to do.
#[derive(Clone, Debug)]
pub struct ExtendPlan {
    /// How many nodes there are and how many have to extend. All nodes count, not only those that granted the lock:
    /// a majority of a bare majority is no majority.
    pub quorum: Quorum,
    /// What the keys must hold.
    pub value: Value,
    /// Whether rivals may use the same value.
    pub exact: bool,
    /// The value that the lock was adopted from, where that may still stand.
    pub former: Option<Value>,
    /// The lock's fencing number, to be kept where it is not.
    pub fence: Option<u64>,
    /// The nodes to ask.
    pub asked: NodeSet,
    /// The TTL of the keys, from now on.
    pub ttl: Ttl,
    /// Whether to set the key anew where it is missing.
    pub revive: bool,
    /// Whether to set it anew by a second request, where the first has found it missing, unless so many nodes miss it that
    /// a rival may have had a quorum. Not for values that rivals may use too.
    pub fills: bool,
    /// The nodes where an earlier call has found it missing, and may have set it anew: that they have it proves nothing.
    pub refilled: NodeSet,
    /// Whether to hear every node, within the node time-out, or to return as soon as the answers suffice.
    pub wait_for_all: bool,
    /// The nodes whose client may send a request twice: where the second finds the key, the first may have set it anew.
    pub may_repeat: NodeSet,
    /// What clocks may differ by.
    pub drift: Drift,
    /// How long to wait for the nodes' replies in a round.
    pub node_timeout: Duration,
    /// The most rounds, at least 1.
    pub tries: u32,
    /// The pause between two rounds.
    pub delay: Delay,
    /// When to give up, whatever the rounds are at.
    pub deadline: Option<Moment>,
    /// Until when the lock is valid, if that is known. What is decided later does not count.
    pub valid_until: Option<Moment>,
}

impl ExtendPlan {
    pub(super) fn command(&self, revive: bool) -> Command {
        Command::Extend {
            value: self.value.clone(),
            ttl: self.ttl,
            revive,
            former: self.former.clone(),
            fence: self.fence,
        }
    }

    /// Removes what was set for a lock that was released. The value that the lock was adopted from is left alone: by the time
    /// that this is due, the release may long have made room for somebody who has made the token good again.
    pub(super) fn delete(&self) -> Task {
        Task::Delete { value: self.value.clone(), former: None }
    }

    /// Sets back what was set for a lock that was handed back. A node where nothing stood is left with nothing: the token
    /// may have been used since.
    pub(super) fn set_back(&self) -> Task {
        let (value, nodes) = (self.value.clone(), self.quorum.nodes());
        let former = self.former.clone();
        let counting = Counting::keep(self.fence.is_some());
        former.map_or_else(
            || self.delete(),
            |to| Task::SetBack(SetBack::where_told(value, to, nodes).counting(counting)),
        )
    }
}

/// Why and how an [`Extend`](super::Extend) failed. Nothing was deleted.
#[derive(Clone, Debug)]
pub struct ExtendFailure {
    /// What ended it.
    pub cause: ExtendCause,
    /// How many rounds there were.
    pub tries: u32,
    /// What each node answered in the last round.
    pub answers: Vec<Answer>,
}

impl ExtendFailure {
    /// Of an extension that has succeeded, where another one has found that a quorum holds the lock no more.
    pub(crate) fn found_meanwhile() -> Self {
        Self { cause: ExtendCause::Lost, tries: 1, answers: Vec::new() }
    }
}

/// What ended an [`Extend`](super::Extend) without success.
#[derive(Clone, Debug)]
pub enum ExtendCause {
    /// So many nodes hold another value or none that no quorum can hold this one.
    Lost,
    /// The lock's validity was over before a quorum had extended it.
    Expired,
    /// Too few nodes could be reached.
    GaveUp(GaveUp),
}
