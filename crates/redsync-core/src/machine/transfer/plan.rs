//! What a [`Transfer`](super::Transfer) is to do, and how it fails.

use std::time::Duration;

use crate::{
    Answer, Delay, Moment, Ttl, Value,
    machine::{Drift, GaveUp, NodeSet, Quorum, Resend},
    wire::Counting,
};

/// What a [`Transfer`](super::Transfer) is to do.
#[derive(Clone, Debug)]
pub struct TransferPlan {
    /// How many nodes there are and how many have to rotate.
    pub quorum: Quorum,
    /// What the keys must hold.
    pub from: Value,
    /// Whether rivals may use the same value.
    pub exact: bool,
    /// When a node may be asked again for that value.
    pub resend: Resend,
    /// The nodes to ask.
    pub asked: NodeSet,
    /// The nodes where the old value was found missing, and may have been set anew: that they have it proves nothing.
    pub refilled: NodeSet,
    /// The one value to rotate to, which is not taken back when that fails. Otherwise each try has a fresh one.
    pub to: Option<Value>,
    /// The TTL of the new value.
    pub ttl: Ttl,
    /// How long the old value stands again where it is set back, if no node has told. Where the new one was named, how long
    /// the old one still stands at most.
    pub full: Ttl,
    /// What to do with the lock's counter. To what is proposed the time is added that the call has taken by then; where
    /// something is set back, no number is drawn.
    pub counting: Counting,
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
}

/// Why and how a [`Transfer`](super::Transfer) failed.
#[derive(Clone, Debug)]
pub struct TransferFailure {
    /// What ended it.
    pub cause: TransferCause,
    /// How many rounds there were.
    pub tries: u32,
    /// What each node answered in the last round.
    pub answers: Vec<Answer>,
    /// The nodes that certainly did nothing in the last round.
    pub not_rotated: NodeSet,
}

/// What ended a [`Transfer`](super::Transfer) without success.
#[derive(Clone, Debug)]
pub enum TransferCause {
    /// The old value stands at too few nodes to make a quorum: its TTL is over, or it was released.
    Missing,
    /// Somebody else's lock stands at so many nodes that none can be had.
    Taken,
    /// Somebody else has rotated the same value, or is about to.
    Adopted,
    /// Too few nodes could be reached, or the call was ended.
    GaveUp(GaveUp),
}
