//! [`LockToken`]: a held lock on its way.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{Ttl, Value};

/// What a token is made of.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) name: Arc<str>,
    pub(crate) value: Value,
    pub(crate) exact: bool,
    pub(crate) fence: Option<u64>,
    pub(crate) ttl: Ttl,
    pub(crate) full: Ttl,
    pub(crate) expires: SystemTime,
    pub(crate) nodes: usize,
}

/// A held lock on its way.
#[derive(Clone, PartialEq, Eq)]
pub struct LockToken(Parts);

impl LockToken {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(parts)
    }

    /// The lock's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The value that stands at the key. Who knows it can take the lock.
    pub fn value(&self) -> &str {
        self.0.value.as_str()
    }

    /// The lock's fencing number.
    pub fn fence(&self) -> Option<u64> {
        self.0.fence
    }

    /// The TTL.
    pub fn ttl(&self) -> Duration {
        self.0.ttl.as_duration()
    }

    /// Until when.
    pub fn expires(&self) -> SystemTime {
        self.0.expires
    }

    /// On how many nodes.
    pub fn nodes(&self) -> usize {
        self.0.nodes
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.0.name
    }

    pub(crate) fn secret(&self) -> &Value {
        &self.0.value
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.0.exact
    }

    pub(crate) fn full_ttl(&self) -> Ttl {
        self.0.full
    }
}

impl fmt::Debug for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockToken").field("name", &self.0.name).finish_non_exhaustive()
    }
}
