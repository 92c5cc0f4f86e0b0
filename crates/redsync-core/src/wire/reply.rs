//! What a reply means for the command that it answers.

use std::time::Duration;

use super::{Command, Grant, Outcome, Refusal};
use crate::{NodeError, Reply};

impl Command {
    /// What `reply` means for this command.
    ///
    /// # Errors
    ///
    /// A reply that the command cannot have is an error of kind [`Unknown`](crate::NodeErrorKind::Unknown).
    pub fn outcome(&self, reply: &Reply) -> Result<Outcome, NodeError> {
        let outcome = match self {
            Self::Acquire { look: false, proposal: None, .. } => set(reply),
            Self::Acquire { look: true, proposal: None, .. } => looked(reply),
            Self::Acquire { look, proposal: Some(_), .. } => drawn(reply, *look),
            Self::Extend { revive, former, .. } => extended(reply, *revive, former.is_some()),
            Self::Release { former, .. } => released(reply, former.is_some()),
            Self::Rotate { counting, .. } => rotated(reply, counting.proposal().is_some()),
            Self::Raise { .. } => raised(reply),
        };
        outcome.ok_or_else(|| NodeError::unexpected(reply))
    }
}

fn set(reply: &Reply) -> Option<Outcome> {
    match reply {
        Reply::Text(text) if text == b"OK" => Some(Outcome::GRANTED),
        Reply::Nil => Some(Outcome::Refused(Refusal::Taken)),
        Reply::Integer(_) | Reply::Text(_) | Reply::Array(_) => None,
    }
}

fn looked(reply: &Reply) -> Option<Outcome> {
    match number(reply)? {
        1 => Some(Outcome::GRANTED),
        2 => Some(Outcome::Refused(Refusal::SameValue)),
        0 => Some(Outcome::Refused(Refusal::Taken)),
        _ => None,
    }
}

/// Who does not look has a value of its own, which only an earlier copy of the same request can have set.
fn drawn(reply: &Reply, look: bool) -> Option<Outcome> {
    match numbers(reply)?.as_slice() {
        [2, _] if look => Some(Outcome::Refused(Refusal::SameValue)),
        [1 | 2, fence] => Some(Outcome::Granted(Grant { fence: Some(positive(*fence)?), left: None })),
        [0] => Some(Outcome::Refused(Refusal::Taken)),
        _ => None,
    }
}

fn extended(reply: &Reply, revive: bool, is_adopted: bool) -> Option<Outcome> {
    if let Reply::Array(_) = reply {
        let numbers = numbers(reply).filter(|_| revive && is_adopted)?;
        let [3, left] = numbers[..] else { return None };
        return Some(Outcome::Granted(Grant { fence: None, left: Some(lasting(left)) }));
    }
    match number(reply)? {
        1 => Some(Outcome::GRANTED),
        2 if revive => Some(Outcome::Revived),
        0 => Some(Outcome::Refused(Refusal::OtherValue)),
        -1 if !revive => Some(Outcome::Refused(Refusal::Missing)),
        _ => None,
    }
}

fn released(reply: &Reply, was_adopted: bool) -> Option<Outcome> {
    match number(reply)? {
        1 => Some(Outcome::GRANTED),
        3 if was_adopted => Some(Outcome::Refused(Refusal::Adopted)),
        0 => Some(Outcome::Refused(Refusal::OtherValue)),
        -1 => Some(Outcome::Refused(Refusal::Missing)),
        _ => None,
    }
}

fn rotated(reply: &Reply, draws: bool) -> Option<Outcome> {
    let fence = |fence: i64| if draws { positive(fence).map(Some) } else { Some(None) };
    match numbers(reply)?.as_slice() {
        [1, left, number] => {
            let left = u64::try_from(*left).ok().map(Duration::from_millis);
            Some(Outcome::Granted(Grant { fence: fence(*number)?, left }))
        }
        [2, 0, number] => Some(Outcome::Granted(Grant { fence: fence(*number)?, left: None })),
        [3] => Some(Outcome::Refused(Refusal::Adopted)),
        [0] => Some(Outcome::Refused(Refusal::OtherValue)),
        [-1] => Some(Outcome::Refused(Refusal::Missing)),
        _ => None,
    }
}

fn raised(reply: &Reply) -> Option<Outcome> {
    match numbers(reply)?.as_slice() {
        [1, fence] => Some(Outcome::Granted(Grant { fence: Some(positive(*fence)?), left: None })),
        [0] => Some(Outcome::Refused(Refusal::OtherValue)),
        [-1] => Some(Outcome::Refused(Refusal::Missing)),
        _ => None,
    }
}

fn number(reply: &Reply) -> Option<i64> {
    match reply {
        Reply::Integer(number) => Some(*number),
        Reply::Nil | Reply::Text(_) | Reply::Array(_) => None,
    }
}

fn numbers(reply: &Reply) -> Option<Vec<i64>> {
    match reply {
        Reply::Array(items) => items.iter().map(number).collect(),
        Reply::Nil | Reply::Integer(_) | Reply::Text(_) => None,
    }
}

/// What has no TTL stands for longer than any.
fn lasting(left: i64) -> Duration {
    u64::try_from(left).map_or(Duration::MAX, Duration::from_millis)
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}
