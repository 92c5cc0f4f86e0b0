//! The commands of the algorithm, as requests and back from replies.

use std::sync::Arc;

use super::Script;
use crate::{NodeError, NodeErrorKind, Reply, Request, Ttl, Value, node::Arg};

/// What a machine asks of one node about one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set the key to the value for the TTL if it is missing.
    Acquire {
        /// What to set.
        value: Value,
        /// For how long.
        ttl: Ttl,
        /// Whether a refusal should tell if this very value stands there. It costs a script.
        look: bool,
    },
    /// Lengthen the TTL if the key holds the value.
    Extend {
        /// What the key must hold.
        value: Value,
        /// The least TTL afterwards; a longer one is left alone.
        ttl: Ttl,
        /// Whether to set the key anew where it is missing.
        revive: bool,
    },
    /// Delete the key if it holds the value.
    Release {
        /// What the key must hold.
        value: Value,
        /// Whether the script's text goes along. It costs its length each time, and spares a second request
        /// where the server has forgotten the script, which could come too late.
        in_one: bool,
    },
}

/// What came of a [`Command`] at one node.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Done.
    Granted,
    /// Done: the key was missing, and was set anew.
    Revived,
    /// The node looked and declined: nothing was changed.
    Refused(Refusal),
    /// Certainly not executed.
    Failed(NodeError),
    /// Nobody knows whether it was executed.
    Unknown(NodeError),
}

/// Why a node declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The lock is taken. Who looks closer may find that it is [`Refusal::SameValue`].
    Taken,
    /// The lock is taken under the very value that it was to be set to.
    SameValue,
    /// The key holds another value than the one that was to be extended or released.
    OtherValue,
    /// The key does not exist.
    Missing,
}

impl Outcome {
    /// What came of it, in a word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Revived => "revived",
            Self::Refused(Refusal::Taken) => "taken",
            Self::Refused(Refusal::SameValue) => "same value",
            Self::Refused(Refusal::OtherValue) => "other value",
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

impl Command {
    /// The request that carries this command for the lock called `name`.
    pub fn request(&self, name: &Arc<str>) -> Request {
        match self {
            Self::Acquire { value, ttl, look: false } => Request::new(vec![
                Arg::Static("SET"),
                Arg::Shared(Arc::clone(name)),
                Arg::Shared(value.shared()),
                Arg::Static("NX"),
                Arg::Static("PX"),
                Arg::Owned(ttl.as_millis().to_string()),
            ]),
            Self::Release { in_one: true, .. } => self.request_with_text(name),
            Self::Acquire { look: true, .. } | Self::Extend { .. } | Self::Release { in_one: false, .. } => {
                self.script_request("EVALSHA", Script::sha1, name)
            }
        }
    }

    /// The request to send when a server answered the first one with `NOSCRIPT`: the same with the
    /// script's text, which the server then remembers.
    pub fn request_with_text(&self, name: &Arc<str>) -> Request {
        self.script_request("EVAL", Script::text, name)
    }

    /// What `reply` means for this command.
    ///
    /// # Errors
    ///
    /// A reply that the command cannot have is an error of kind [`NodeErrorKind::Unknown`].
    pub fn outcome(&self, reply: &Reply) -> Result<Outcome, NodeError> {
        let outcome = match (self, reply) {
            (Self::Acquire { look: false, .. }, Reply::Text(text)) if text == b"OK" => Outcome::Granted,
            (Self::Acquire { look: false, .. }, Reply::Nil) => Outcome::Refused(Refusal::Taken),
            (Self::Acquire { look: true, .. }, Reply::Integer(1)) => Outcome::Granted,
            (Self::Acquire { look: true, .. }, Reply::Integer(2)) => Outcome::Refused(Refusal::SameValue),
            (Self::Acquire { look: true, .. }, Reply::Integer(0)) => Outcome::Refused(Refusal::Taken),
            (Self::Extend { .. } | Self::Release { .. }, Reply::Integer(1)) => Outcome::Granted,
            (Self::Extend { revive: true, .. }, Reply::Integer(2)) => Outcome::Revived,
            (Self::Extend { .. } | Self::Release { .. }, Reply::Integer(0)) => {
                Outcome::Refused(Refusal::OtherValue)
            }
            (Self::Extend { revive: false, .. } | Self::Release { .. }, Reply::Integer(-1)) => {
                Outcome::Refused(Refusal::Missing)
            }
            (
                Self::Acquire { .. } | Self::Extend { .. } | Self::Release { .. },
                Reply::Nil | Reply::Integer(_) | Reply::Text(_) | Reply::Array(_),
            ) => return Err(NodeError::unexpected(reply)),
        };
        Ok(outcome)
    }

    fn script_request(
        &self,
        command: &'static str,
        by: fn(&Script) -> &'static str,
        name: &Arc<str>,
    ) -> Request {
        let (script, value, ttl) = match self {
            Self::Acquire { value, ttl, look: _ } => (Script::ACQUIRE, value, Some(ttl)),
            Self::Extend { value, ttl, revive: false } => (Script::EXTEND, value, Some(ttl)),
            Self::Extend { value, ttl, revive: true } => (Script::REVIVE, value, Some(ttl)),
            Self::Release { value, in_one: _ } => (Script::RELEASE, value, None),
        };
        let mut args = vec![
            Arg::Static(command),
            Arg::Static(by(&script)),
            Arg::Static("1"),
            Arg::Shared(Arc::clone(name)),
            Arg::Shared(value.shared()),
        ];
        args.extend(ttl.map(|ttl| Arg::Owned(ttl.as_millis().to_string())));
        Request::new(args)
    }
}
