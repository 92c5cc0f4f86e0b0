//! [`Value`] and [`Ttl`]: what stands at a lock's key, and for how long.

use std::{fmt, sync::Arc, time::Duration};

/// The value that stands at a lock's key: who knows it may extend and release the lock.
///
/// `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Arc<str>);

impl Value {
    /// A value of exactly this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

/// A time to live in whole milliseconds, in the range that Redis can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(u64);

impl Ttl {
    /// The longest TTL, in milliseconds: half of what an expiry can be in Redis, which counts it as a
    /// signed 64-bit number of milliseconds since 1970, so that adding the server's time never overflows.
    pub const MAX_MILLIS: u64 = i64::MAX as u64 / 2;

    /// This duration, less what it has below a millisecond; `None` when that is zero or over
    /// [`Ttl::MAX_MILLIS`].
    pub fn new(duration: Duration) -> Option<Self> {
        let millis = u64::try_from(duration.as_millis()).ok()?;
        (1..=Self::MAX_MILLIS).contains(&millis).then_some(Self(millis))
    }

    /// In milliseconds, from 1 to [`Ttl::MAX_MILLIS`].
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// As a duration.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}
