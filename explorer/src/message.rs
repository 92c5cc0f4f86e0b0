//! [`Message`]: what is on its way between a client and a node.

use redsync_core::{
    NodeError,
    wire::{Grant, Outcome, Refusal},
};

use crate::search::{NODES, Search};

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
    /// Rotate the token's value to one of the client's.
    Rotate,
    /// Rotate it back, where an adoption was given up: clean-up.
    SetBack,
    /// Rotate it back on behalf of the guard.
    HandBack,
    /// Raise the counter.
    Raise,
}

impl What {
    /// Whether it can put a value of the client's there.
    pub(crate) fn sets(self) -> bool {
        match self {
            Self::Set | Self::SetOrLook | Self::Revive | Self::Rotate => true,
            Self::Extend | Self::Undo | Self::GiveBack | Self::SetBack | Self::HandBack | Self::Raise => {
                false
            }
        }
    }

    /// Whether it takes a value of the client's away.
    pub(crate) fn removes(self) -> bool {
        self.cleaner().is_some()
    }

    /// Which of those that take a value away it is.
    pub(crate) fn cleaner(self) -> Option<usize> {
        match self {
            Self::GiveBack => Some(0),
            Self::HandBack => Some(1),
            Self::Undo | Self::SetBack => Some(2),
            Self::Set | Self::SetOrLook | Self::Revive | Self::Rotate | Self::Extend | Self::Raise => None,
        }
    }
}

/// How many kinds of requests take values away, see [`What::cleaner`].
pub(crate) const CLEANERS: usize = 3;

/// A node's answer, or what its client makes of the want of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reply {
    Granted,
    /// Done, with where the counter stands now, and for how many ticks the value that was rotated away would have stood.
    Told {
        fence: Option<u8>,
        left: Option<u8>,
    },
    Revived,
    Taken,
    SameValue,
    OtherValue,
    /// Another value of the token's lineage.
    Adopted,
    Missing,
    /// Certainly not executed.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// The lock value as the model knows it: 0 is the fixed value, [`TOKEN`] the token's, any other the client's own.
pub(crate) type Number = u8;

/// The token's value.
pub(crate) const TOKEN: Number = 254;
/// No value at all.
pub(crate) const NOTHING: Number = u8::MAX;
/// Values that the token's was rotated to begin after this one.
const ROTATED: Number = 100;

/// A value that the token's is rotated to, by the client's round.
pub(crate) fn rotated(round: u8) -> Number {
    round.saturating_add(ROTATED)
}

/// The client's round that a value is of.
pub(crate) fn round_of(value: Number) -> u8 {
    if value == TOKEN { 0 } else { value.checked_sub(ROTATED).unwrap_or(value) }
}

/// Whether the token's lineage has this value.
pub(crate) fn is_of_lineage(value: Number) -> bool {
    (ROTATED..=TOKEN).contains(&value)
}

/// Whether the same value can be set by several clients.
pub(crate) fn is_shared(value: Number) -> bool {
    matches!(value, 0 | TOKEN)
}

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
    /// The token's value, if the request is about that as well.
    pub(crate) other: Number,
    /// The number to propose or to raise the counter to, if there is one.
    pub(crate) fence: Option<u8>,
    /// The TTL in ticks.
    pub(crate) ttl: u8,
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
            Self::Told { fence, left } => {
                Outcome::Granted(Grant { fence: fence.map(u64::from), left: left.map(Search::lasting) })
            }
            Self::Revived => Outcome::Revived,
            Self::Taken => Outcome::Refused(Refusal::Taken),
            Self::SameValue => Outcome::Refused(Refusal::SameValue),
            Self::OtherValue => Outcome::Refused(Refusal::OtherValue),
            Self::Adopted => Outcome::Refused(Refusal::Adopted),
            Self::Missing => Outcome::Refused(Refusal::Missing),
            Self::Failed => Outcome::Failed(NodeError::not_sent("down")),
            Self::Unknown => Outcome::Unknown(NodeError::unknown("lost")),
        }
    }
}

impl Request {
    /// Asks for nothing yet.
    pub(crate) fn about(value: Number, node: u8) -> Self {
        Self {
            process: 0,
            what: What::Extend,
            round: round_of(value),
            node,
            value,
            other: NOTHING,
            fence: None,
            ttl: 0,
            copy: 0,
        }
    }

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
