//! What an [`Acquire`](super::Acquire) is to do, and how it fails.

use std::time::Duration;

use crate::{
    Answer, Delay, Moment, Ttl, Value,
    machine::{Drift, NodeSet, Quorum, ValueError},
};

/// What an [`Acquire`](super::Acquire) is to do.
#[derive(Clone, Debug)]
pub struct AcquirePlan {
    /// How many nodes there are and how many have to grant.
    pub quorum: Quorum,
    /// The TTL of the keys.
    pub ttl: Ttl,
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
    /// Whether to decide a round when every node has answered, or else as soon as the answers suffice.
    pub wait_for_all: bool,
    /// A value that the caller fixed; it overrides the source's.
    pub exact: Option<Value>,
    /// Whether the source is known never to repeat a value.
    pub source_is_fresh: bool,
    /// The nodes whose client may send a request twice.
    pub may_repeat: NodeSet,
    /// Whether to ask the nodes in random order.
    pub shuffle: bool,
    /// Draw a fencing number too, this one if it is the highest: microseconds, to which the time is added that the call
    /// has taken by then. Not with values that rivals may use too.
    pub proposal: Option<u64>,
}

/// Why and how an [`Acquire`](super::Acquire) failed.
#[derive(Clone, Debug)]
pub struct AcquireFailure {
    /// What ended it.
    pub gave_up: GaveUp,
    /// How many rounds there were, beside those that hints led to.
    pub tries: u32,
    /// What each node said when it was last asked and given the time to answer.
    pub answers: Vec<Answer>,
    /// Whether a quorum granted, but so late that the lock's validity was over.
    pub too_late: bool,
}

/// What ended a call without success.
#[derive(Clone, Debug)]
pub enum GaveUp {
    /// All tries were used up.
    Tries,
    /// The deadline of the call passed, or would have before the next try.
    Deadline,
    /// The validity of the lock would have been over before the next try.
    Validity,
    /// The call was cancelled.
    Cancelled,
    /// The source had no value.
    NoValue(ValueError),
}
