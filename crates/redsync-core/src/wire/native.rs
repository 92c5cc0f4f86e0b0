//! [`Native`]: the commands by which newer servers compare and delete without a script.

use std::sync::Arc;

use super::{Command, Outcome, Script};
use crate::{NodeError, Reply, Request, node::Arg};

/// A server's own compare-and-delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// `DELIFEQ key value`, of Valkey since 9.0.
    DelIfEq,
    /// `DELEX key IFEQ value`, of Redis since 8.4.
    DelEx,
}

impl Native {
    /// The request that carries the release `command` of the lock called `name`; `None` for other commands.
    ///
    /// A release that has to go in one request is none for this: "not deleted" does not tell why, which takes a
    /// second one. Nor is one that may find one of two values.
    pub fn request(self, command: &Command, name: &Arc<str>) -> Option<Request> {
        let Command::Release { value, former: None, in_one: false } = command else { return None };
        let (name, value) = (Arg::Shared(Arc::clone(name)), Arg::Shared(value.shared()));
        Some(Request::new(match self {
            Self::DelIfEq => vec![Arg::Static("DELIFEQ"), name, value],
            Self::DelEx => vec![Arg::Static("DELEX"), name, Arg::Static("IFEQ"), value],
        }))
    }

    /// What `reply` means: `None` when nothing was deleted, for whatever reason.
    ///
    /// # Errors
    ///
    /// A reply that the command cannot have is an error of kind [`Unknown`](crate::NodeErrorKind::Unknown).
    pub fn outcome(reply: &Reply) -> Result<Option<Outcome>, NodeError> {
        match reply {
            Reply::Integer(1) => Ok(Some(Outcome::GRANTED)),
            Reply::Integer(0) => Ok(None),
            Reply::Nil | Reply::Integer(_) | Reply::Text(_) | Reply::Array(_) => {
                Err(NodeError::unexpected(reply))
            }
        }
    }

    /// The request that carries the release `command` and asks the server for what it can do itself; `None`
    /// for other commands.
    pub fn request_to_learn(command: &Command, name: &Arc<str>) -> Option<Request> {
        let Command::Release { value, former: None, in_one: false } = command else { return None };
        Some(Request::new(vec![
            Arg::Static("EVAL"),
            Arg::Static(Script::RELEASE_AND_LEARN.text()),
            Arg::Static("1"),
            Arg::Shared(Arc::clone(name)),
            Arg::Shared(value.shared()),
        ]))
    }

    /// What the server answered to [`Native::request_to_learn`]: what came of `command`, and what it can do; or
    /// `None` in the place of that when something kept the server from telling.
    ///
    /// # Errors
    ///
    /// A reply that the script cannot have is an error of kind [`Unknown`](crate::NodeErrorKind::Unknown).
    pub fn learn(command: &Command, reply: &Reply) -> Result<(Outcome, Option<Learnt>), NodeError> {
        let Reply::Array(items) = reply else { return Err(NodeError::unexpected(reply)) };
        let [result, Reply::Integer(native)] = items.as_slice() else {
            return Err(NodeError::unexpected(reply));
        };
        let learnt = match native {
            -1 => None,
            0 => Some(Learnt::NoCommand),
            1 => Some(Learnt::Command(Self::DelIfEq)),
            2 => Some(Learnt::Command(Self::DelEx)),
            _ => return Err(NodeError::unexpected(reply)),
        };
        Ok((command.outcome(result)?, learnt))
    }
}

/// What a server has said of its compare-and-delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// It has none, or none for this user.
    NoCommand,
    /// It has this one.
    Command(Native),
}
