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

    /// A value of our own making: 128 bits, with the label before them. The first half is the lineage, which a value
    /// passes on when it is rotated to another.
    pub(crate) fn generated(label: Option<&str>, lineage: u64, nonce: u64) -> Self {
        let bits = (u128::from(lineage) << 64) | u128::from(nonce);
        let mut digits = [0; 32];
        for (digit, shift) in digits.iter_mut().rev().zip((0..128).step_by(4)) {
            let nibble = (bits >> shift & 0xf) as u8;
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        }
        let digits = str::from_utf8(&digits).unwrap_or_default();
        match label {
            Some(label) => Self::new(format!("{label}:{digits}")),
            None => Self::new(digits),
        }
    }

    /// What this value and all that it is rotated to have in common, in 16 hexadecimal digits. It is not secret.
    pub fn lineage(&self) -> String {
        match self.parts() {
            Some((_, lineage)) => lineage.to_owned(),
            None => format!("{:016x}", fnv(self.0.as_bytes())),
        }
    }

    /// A fresh value of the same lineage and label.
    pub(crate) fn successor(&self, nonce: u64) -> Self {
        let label = self.parts().map_or("", |(label, _)| label);
        Self::new(format!("{label}{}{nonce:016x}", self.lineage()))
    }

    /// The label with its colon, and the lineage, of a value that looks like one of our own making.
    fn parts(&self) -> Option<(&str, &str)> {
        let (label, digits) = self.0.split_at_checked(self.0.len().checked_sub(32)?)?;
        let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_ours = is_hex && (label.is_empty() || label.ends_with(':'));
        is_ours.then(|| (label, digits.split_at(16).0))
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

/// The hash of Fowler, Noll and Vo (FNV-1a, 64 bits): every process and version has to come to the same one.
fn fnv(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
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

    pub(crate) fn plus_one(self) -> Option<Self> {
        Self::new(Duration::from_millis(self.0 + 1))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lineage_survives_every_rotation() {
        let ours = Value::generated(None, 7, 9);
        let labelled = Value::generated(Some("job:1138"), 7, 9);
        for value in [ours, labelled, Value::new("job-1138"), Value::new(""), Value::new("ä".repeat(20))] {
            let (next, last) = (value.successor(1), value.successor(1).successor(2));
            assert_ne!(next, value);
            assert_eq!((next.lineage(), last.lineage()), (value.lineage(), value.lineage()), "{:?}", value.0);
            assert_eq!(next.as_str().len(), last.as_str().len());
        }
    }

    #[test]
    fn a_generated_value_is_made_of_label_lineage_and_nonce() {
        assert_eq!(Value::generated(None, 10, 11).as_str(), "000000000000000a000000000000000b");
        let labelled = Value::generated(Some("job"), 10, 11);
        assert_eq!(labelled.as_str(), "job:000000000000000a000000000000000b");
        assert_eq!(labelled.successor(12).as_str(), "job:000000000000000a000000000000000c");
        // The published test value of FNV-1a for the letter a.
        assert_eq!(Value::new("a").lineage(), "af63dc4c8601ec8c");
    }
}
