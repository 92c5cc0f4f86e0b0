//! [`Message`]: what is on its way between a client and a node.

use redsync_core::{
    NodeError,
    wire::{Outcome, Refusal},
};

use crate::search::NODES;

/// What a request asks of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum What {
    /// Set the key if it is missing.
    Set,
    /// Set the key if it is missing, and look whose it is otherwise.
    SetOrLook,
    /// Lengthen the TTL.
    Extend,
    /// Lengthen the TTL, or set the key anew.
    Revive,
    /// Delete what a round has set: clean-up.
    Undo,
    /// Delete on behalf of the guard.
    GiveBack,
}

/// A node's answer, or what its client makes of the want of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reply {
    Granted,
    Revived,
    Taken,
    SameValue,
    OtherValue,
    Missing,
    /// Certainly not executed.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// The lock value as the model knows it: 0 is the fixed value, any other the client's own number.
pub(crate) type Number = u8;

/// A request as a client names it. Unique among the client's unanswered ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Request {
    /// Which of the client's machines sent it.
    pub(crate) process: u8,
    pub(crate) what: What,
    /// The round of the client's that it belongs to.
    pub(crate) round: u8,
    pub(crate) node: u8,
    pub(crate) value: Number,
    /// Tells it from others that are alike.
    pub(crate) copy: u8,
}

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Leg {
    /// To the node.
    There,
    /// To the node, and nobody listens to the reply any more.
    ThereUnheard,
    /// Back to the client.
    Back(Reply),
}

/// A request or a reply on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Message {
    pub(crate) client: u8,
    pub(crate) request: Request,
    pub(crate) leg: Leg,
    /// The last tick in which it can be executed.
    pub(crate) until: u8,
}

impl Reply {
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Granted => Outcome::GRANTED,
            Self::Revived => Outcome::Revived,
            Self::Taken => Outcome::Refused(Refusal::Taken),
            Self::SameValue => Outcome::Refused(Refusal::SameValue),
            Self::OtherValue => Outcome::Refused(Refusal::OtherValue),
            Self::Missing => Outcome::Refused(Refusal::Missing),
            Self::Failed => Outcome::Failed(NodeError::not_sent("down")),
            Self::Unknown => Outcome::Unknown(NodeError::unknown("lost")),
        }
    }
}

impl Request {
    /// The same at another node.
    pub(crate) fn permute(self, places: &[u8; NODES]) -> Self {
        Self { node: places.get(usize::from(self.node)).copied().unwrap_or(self.node), ..self }
    }
}

impl Message {
    /// The same request, without what only its reply would need.
    pub(crate) fn unheard(self) -> Self {
        let request = Request { process: 0, copy: 0, ..self.request };
        Self { request, leg: Leg::ThereUnheard, ..self }
    }

    /// The reply to this request, without what only the node would need.
    pub(crate) fn answered(self, reply: Reply) -> Self {
        Self { leg: Leg::Back(reply), until: u8::MAX, ..self }
    }

    /// Whether the client listens to what comes of it.
    pub(crate) fn is_heard_by(&self, client: usize) -> bool {
        usize::from(self.client) == client && self.leg != Leg::ThereUnheard
    }

    pub(crate) fn is_request(&self) -> bool {
        matches!(self.leg, Leg::There | Leg::ThereUnheard)
    }
}
