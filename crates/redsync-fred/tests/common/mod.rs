//! Requests for tests, and a wait with an end for what has no event to wait for.
#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests state what they expect, too")]

pub(crate) mod drivers;
mod places;

use std::{sync::Arc, time::Duration};

use redsync_fred::{NodeError, Reply, Request, Ttl, Value, wire::Command};

/// Waits for what another process does end after this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn set(key: &str) -> Request {
    let ttl = Ttl::new(Duration::from_secs(60)).unwrap();
    Command::Acquire { value: Value::new("value"), ttl, look: false, proposal: None }.request(&Arc::from(key))
}

pub(crate) fn release() -> Command {
    Command::Release { value: Value::new("value"), former: None, in_one: false }
}

/// The reply to a SET that found no such key.
pub(crate) fn ok() -> Reply {
    Reply::Text(b"OK".to_vec())
}

pub(crate) fn source(error: &NodeError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}
