//! From commands to requests as the model knows them.

use redsync_core::{Value, wire::Command};

use crate::{
    message::{NOTHING, Number, Request, TOKEN, What, rotated, round_of},
    plans::HANDED_OVER,
    process::Running,
    search::Search,
};

/// The client's last round once this is sent, when `before` was the last one.
pub(crate) fn round_after(command: &Command, before: u8) -> u8 {
    match command {
        Command::Acquire { .. } => before.saturating_add(1),
        Command::Rotate { to, .. } => round_of(number(to)).max(before),
        Command::Extend { .. } | Command::Release { .. } | Command::Raise { .. } => before,
    }
}

/// The request that a machine sends to a node by this command; its round is that of its value.
pub(crate) fn request(command: &Command, by: &Running, node: usize, search: &Search) -> Request {
    let own = |value: &Value| Request::about(number(value), u8::try_from(node).unwrap_or(u8::MAX));
    let former = |former: &Option<Value>| former.as_ref().map_or(NOTHING, number);
    match command {
        Command::Acquire { value, look, proposal, ttl } => Request {
            what: if *look { What::SetOrLook } else { What::Set },
            fence: proposal.map(nothing),
            ttl: search.ticks(*ttl),
            ..own(value)
        },
        Command::Extend { value, revive, former: from, fence, ttl } => Request {
            what: if *revive { What::Revive } else { What::Extend },
            other: former(from),
            fence: fence.map(small),
            ttl: search.ticks(*ttl),
            ..own(value)
        },
        Command::Release { value, former: from, .. } => Request {
            what: if matches!(by, Running::Release(_)) { What::GiveBack } else { What::Undo },
            other: former(from),
            ..own(value)
        },
        Command::Rotate { from, to, ttl, counting, in_one: _ } => {
            let (what, value, other) = rotation(number(from), number(to), by);
            let (fence, ttl) = (counting.proposal().map(nothing), search.ticks(*ttl));
            Request { what, value, other, fence, ttl, round: round_of(value), ..own(from) }
        }
        Command::Raise { value, fence, ttl } => {
            Request { what: What::Raise, fence: Some(small(*fence)), ttl: search.ticks(*ttl), ..own(value) }
        }
    }
}

/// What a rotation is for, with the client's value and the token's.
fn rotation(from: Number, to: Number, by: &Running) -> (What, Number, Number) {
    match by {
        Running::HandBack(_) if to == TOKEN => (What::HandBack, from, to),
        Running::Adopt(_) | Running::Extend(_) | Running::Acquire(_) | Running::Release(_) if to == TOKEN => {
            (What::SetBack, from, to)
        }
        Running::HandBack(_)
        | Running::Adopt(_)
        | Running::Extend(_)
        | Running::Acquire(_)
        | Running::Release(_) => (What::Rotate, to, from),
    }
}

/// A proposal is a time, and here the counters alone decide.
fn nothing(_: u64) -> u8 {
    0
}

fn small(fence: u64) -> u8 {
    u8::try_from(fence).unwrap_or(u8::MAX)
}

/// The fixed value is the only one that is neither a number nor of the token's lineage.
fn number(value: &Value) -> Number {
    let text = value.as_str();
    let nonce = text.len().checked_sub(16).and_then(|start| text.get(start..));
    match nonce.filter(|_| text.len() >= 32).map(|nonce| u8::from_str_radix(nonce, 16)) {
        Some(nonce) => rotated(nonce.unwrap_or(0)),
        None if text == HANDED_OVER => TOKEN,
        None => text.parse().unwrap_or(0),
    }
}
