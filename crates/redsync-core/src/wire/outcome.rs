//! [`Outcome`]: what came of a command at one node.

use std::time::Duration;

use crate::{NodeError, NodeErrorKind};

/// What came of a [`Command`](super::Command) at one node.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Done.
    Granted(Grant),
    /// Done: the key was missing, and was set anew.
    Revived,
    /// The node looked and declined: nothing was changed.
    Refused(Refusal),
    /// Certainly not executed.
    Failed(NodeError),
    /// Nobody knows whether it was executed.
    Unknown(NodeError),
}

/// What a node tells along with its grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Where the lock's counter stands there now, if it was asked for.
    pub fence: Option<u64>,
    /// How long the value that was replaced would still have stood.
    pub left: Option<Duration>,
}

impl Grant {
    /// A grant with nothing to tell.
    pub const PLAIN: Self = Self { fence: None, left: None };
}

/// Why a node declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The lock is taken. Who looks closer may find that it is [`Refusal::SameValue`].
    Taken,
    /// The lock is taken under the very value that it was to be set to.
    SameValue,
    /// The key holds another value than the one that was to be extended, rotated or released.
    OtherValue,
    /// The key holds what somebody else has rotated the same value to: another delivery of the same token was adopted.
    Adopted,
    /// The key does not exist.
    Missing,
}

impl Outcome {
    /// A grant with nothing to tell.
    pub const GRANTED: Self = Self::Granted(Grant::PLAIN);

    /// What came of it, in a word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Revived => "revived",
            Self::Refused(Refusal::Taken) => "taken",
            Self::Refused(Refusal::SameValue) => "same value",
            Self::Refused(Refusal::OtherValue) => "other value",
            Self::Refused(Refusal::Adopted) => "adopted",
            Self::Refused(Refusal::Missing) => "missing",
            Self::Failed(_) => "failed",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl From<Result<Outcome, NodeError>> for Outcome {
    fn from(result: Result<Self, NodeError>) -> Self {
        result.unwrap_or_else(|error| match error.kind() {
            NodeErrorKind::NotSent | NodeErrorKind::Rejected => Self::Failed(error),
            NodeErrorKind::Unknown => Self::Unknown(error),
        })
    }
}
