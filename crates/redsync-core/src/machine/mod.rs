//! The algorithm as pure state machines: no clock, no randomness, no futures, no I/O.
//!
//! A machine is fed with [`Event`]s and the current [`Moment`] and drained of [`Action`]s after each. Who
//! drives it carries out the [`Action::Send`]s, feeds the replies back under the same [`RequestId`], and wakes
//! it at [`Action::WaitUntil`]. After [`Action::Done`] a machine may still be *settling*: late replies have to
//! be undone and stragglers finished. It is to be driven on until [`Action::Idle`]; only the caller is free.
//!
//! Nothing is assumed about the order of requests that have not been answered yet.

mod acquire;
mod attempt;
pub(crate) mod delay;
mod extend;
mod fencing;
mod lease;
mod phase;
mod proposal;
mod quorum;
pub(crate) mod release;
mod rotation;
pub(crate) mod round;
mod sweep;
mod task;
mod transfer;
mod values;

pub use acquire::{Acquire, AcquireFailure, AcquirePlan, GaveUp};
pub use extend::{Extend, ExtendCause, ExtendFailure, ExtendPlan};
pub use lease::{Drift, Lease};
pub use quorum::{NodeSet, Quorum, Tally, Verdict};
pub use release::{Deletes, Release, ReleaseFailure, ReleasePlan};
pub use sweep::Resend;
pub use task::Former;
pub use transfer::{Transfer, TransferCause, TransferFailure, TransferPlan};

use std::{error::Error as StdError, sync::Arc};

use crate::{
    Moment, Value,
    wire::{Command, Outcome},
};

/// A state machine with one way in and one way out.
pub trait Machine {
    /// What the caller is waiting for.
    type Output;

    /// What it does, in a word for logs.
    const NAME: &'static str;

    /// Takes in what happened. The only way in, and the only place where time enters.
    fn handle(&mut self, event: Event, now: Moment);

    /// Hands out the next thing to do. To be called until it returns [`Action::WaitUntil`] or
    /// [`Action::Idle`], after construction and after every [`Machine::handle`].
    #[must_use]
    fn poll(&mut self) -> Action<Self::Output>;

    /// The nodes that certainly hold the lock's value by what this machine did.
    fn held(&self) -> NodeSet {
        NodeSet::EMPTY
    }

    /// The nodes that certainly hold the lock's value until this moment, by the round that was won. It says nothing of
    /// nodes that granted in an earlier round, whose keys end earlier.
    fn held_until(&self) -> Option<(NodeSet, Moment)> {
        None
    }

    /// The nodes where this machine may have let the lock's value stand for longer than the lock lasts, until this moment.
    fn lengthened(&self) -> Option<(NodeSet, Moment)> {
        None
    }

    /// The nodes where this machine has found the lock's value missing, and may have set it anew.
    fn refilled(&self) -> NodeSet {
        NodeSet::EMPTY
    }

    /// Whether the lock itself is over by now, and what is left is to remove what would stand for longer: nobody has to wait
    /// for that.
    fn lingers(&self) -> bool {
        false
    }

    /// The nodes that certainly do not hold the lock's value, and never will by what this machine did.
    fn absent(&self) -> NodeSet {
        NodeSet::EMPTY
    }

    /// The nodes where this machine may yet delete the lock's value once it hears that the lock was given back.
    fn may_undo(&self) -> NodeSet {
        NodeSet::EMPTY
    }

    /// Of a release: what has become of its deletes.
    fn deletes(&self) -> Deletes {
        Deletes::default()
    }

    /// Whether the lock may be somebody else's, as far as the nodes have said. Where too many of them failed or said nothing,
    /// nobody gets it before that changes.
    fn is_taken(&self) -> bool {
        true
    }

    /// The values that rivals may use too, each with the nodes where something about it is unanswered or
    /// unconfirmed. The value is not to be used there before that is over.
    fn in_doubt(&self) -> Vec<(Value, NodeSet)> {
        Vec::new()
    }
}

/// What a machine can be told.
#[derive(Clone, Debug)]
pub enum Event {
    /// A request was answered, or can no longer be. A reply that was not asked for, or comes twice, is inert.
    Reply {
        /// The id that the request was sent under.
        id: RequestId,
        /// What came of it.
        outcome: Outcome,
    },
    /// The moment of the last [`Action::WaitUntil`] has come. Ticks at other times do no harm.
    Tick,
    /// Nobody wants the result any more; what was set for it is to be removed.
    Cancel,
    /// The lock that was won has gone back to the token that it was adopted from.
    HandedBack,
    /// What has become of the deletes by which the lock that was won is given back, in all. What may have set the value more
    /// than once is [proof of nothing](Deletes::unproven_at).
    Deletes(Deletes),
    /// The lock may be free by now: a pause between two tries need not be waited out. A hint, which proves nothing.
    MayBeFree,
}

impl Event {
    /// What happened, in a word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reply { outcome, .. } => outcome.name(),
            Self::Tick => "tick",
            Self::Cancel => "cancel",
            Self::HandedBack => "handed back",
            Self::Deletes(_) => "deletes",
            Self::MayBeFree => "may be free",
        }
    }

    /// The index of the node that it came from; `None` where it came from none.
    pub fn node(&self) -> Option<usize> {
        match self {
            Self::Reply { id, .. } => Some(id.node()),
            Self::Tick | Self::Cancel | Self::HandedBack | Self::Deletes(_) | Self::MayBeFree => None,
        }
    }
}

/// What a machine asks of who drives it.
#[derive(Clone, Debug)]
pub enum Action<T> {
    /// Send this to the node that the id names.
    Send {
        /// Under which the reply is to be fed back.
        id: RequestId,
        /// What to send.
        command: Command,
    },
    /// Nothing more to do until a reply comes or this moment has come.
    WaitUntil(Moment, WaitReason),
    /// The result, once. Nothing is said by it about what is still to be done.
    Done(T),
    /// Nothing is left to do: the machine can be dropped.
    Idle,
}

/// Why a machine waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// For the nodes' replies, at most until the node time-out or the deadline.
    Replies,
    /// Between two tries.
    RetryDelay,
    /// For late replies and clean-up; nobody is waiting for it.
    Settling,
}

/// Names one request of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId {
    serial: u32,
    node: u16,
}

impl WaitReason {
    /// What is waited for, in a word for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replies => "replies",
            Self::RetryDelay => "retry delay",
            Self::Settling => "settling",
        }
    }
}

impl RequestId {
    /// The index of the node that the request goes to.
    pub const fn node(self) -> usize {
        self.node as usize
    }
}

/// Hands out [`RequestId`]s that are unique within one machine.
#[derive(Clone, Debug, Default)]
struct Ids(u32);

impl Ids {
    fn next(&mut self, node: usize) -> RequestId {
        self.0 = self.0.wrapping_add(1);
        // A quorum has at most `NodeSet::CAPACITY` nodes, so the index always fits.
        RequestId { serial: self.0, node: u16::try_from(node).unwrap_or(u16::MAX) }
    }
}

/// Where a machine gets what it cannot compute: lock values and random bits.
pub trait Source: Send {
    /// The value for the next round.
    ///
    /// # Errors
    ///
    /// When a value function of the user's fails or returns an empty value.
    fn value(&mut self) -> Result<Value, ValueError>;

    /// 64 random bits for jitter and for the order of nodes.
    fn random(&mut self) -> u64;

    /// The nodes where `value` must not be used, since something about it is still on its way from an
    /// earlier call. Asked for values that rivals may use too.
    fn in_doubt(&self, value: &Value) -> NodeSet {
        let _ = value;
        NodeSet::EMPTY
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn value(&mut self) -> Result<Value, ValueError> {
        (**self).value()
    }

    fn random(&mut self) -> u64 {
        (**self).random()
    }

    fn in_doubt(&self, value: &Value) -> NodeSet {
        (**self).in_doubt(value)
    }
}

/// Why no lock value could be had: what the user's value function returned.
pub type ValueError = Arc<dyn StdError + Send + Sync>;
