//! Tokens in jobs: as their compact form, in any format.

use std::fmt;

use serde_core::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::LockToken;

impl Serialize for LockToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_compact())
    }
}

impl<'de> Deserialize<'de> for LockToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Compact)
    }
}

struct Compact;

impl de::Visitor<'_> for Compact {
    type Value = LockToken;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the compact form of a lock token")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<LockToken, E> {
        LockToken::from_compact(text).map_err(E::custom)
    }
}
