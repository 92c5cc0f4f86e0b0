//! The Lua scripts and their SHA-1 digests.

/// A Lua script that runs on the server.
///
/// What redsync v4 has too is compatible with it in effect: the same keys and values, in the same cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    text: &'static str,
    sha1: &'static str,
}

impl Script {
    /// Sets the lock, or tells whether this very value stands there already.
    pub const ACQUIRE: Self =
        Self { text: include_str!("acquire.lua"), sha1: "81360d67d93bf03d33ef96b044b6053b81ae6d2e" };
    /// Deletes the lock if it holds the value.
    pub const RELEASE: Self =
        Self { text: include_str!("release.lua"), sha1: "0c649611c0e4ff93dbfef7aa96117a23e59fd02e" };
    /// Like [`Script::RELEASE`], and tells by which command the server could do that itself.
    pub const RELEASE_AND_LEARN: Self = Self {
        text: include_str!("release_and_learn.lua"),
        sha1: "62dd207b415e1239314ad2b6899210f560bf696d",
    };
    /// Lengthens the TTL of the lock if it holds the value.
    pub const EXTEND: Self =
        Self { text: include_str!("extend.lua"), sha1: "dce1bb3ec79167b7441ca770d855d04c65bc1663" };
    /// Like [`Script::EXTEND`], and sets the lock anew where it is missing.
    pub const REVIVE: Self =
        Self { text: include_str!("revive.lua"), sha1: "c8efdbec253c1a810034834d747958ff125ac1aa" };

    /// Like [`Script::ACQUIRE`], and draws a fencing number.
    pub const ACQUIRE_FENCED: Self = Self {
        text: concat!(include_str!("fence.lua"), include_str!("acquire_fenced.lua")),
        sha1: "f07224370c4ee0f8852723432e36e9c6a85c91ab",
    };
    /// Like [`Script::REVIVE`], for a lock that was adopted or has a fencing number.
    pub const RENEW: Self = Self {
        text: concat!(include_str!("fence.lua"), include_str!("renew.lua")),
        sha1: "a8f3f3ab9a5f62dee4d04c5183bbdb8eeb980ba2",
    };
    /// Like [`Script::RELEASE`], for a lock that was adopted.
    pub const RELEASE_ADOPTED: Self =
        Self { text: include_str!("release_adopted.lua"), sha1: "406ae102cb4db1af8901df6556c0ab8a341cd58d" };
    /// Puts another value in the place of the one that stands there.
    pub const ROTATE: Self = Self {
        text: concat!(include_str!("fence.lua"), include_str!("rotate.lua")),
        sha1: "de589cf57d5715978dcc83cf21e5646b4b831c1f",
    };
    /// Raises the counter of a lock that is held.
    pub const RAISE: Self = Self {
        text: concat!(include_str!("fence.lua"), include_str!("raise.lua")),
        sha1: "17e07070eb805472572a0a1be9e1d2046e1d1f83",
    };

    /// Every script.
    pub const ALL: [Self; 10] = [
        Self::ACQUIRE,
        Self::RELEASE,
        Self::RELEASE_AND_LEARN,
        Self::EXTEND,
        Self::REVIVE,
        Self::ACQUIRE_FENCED,
        Self::RENEW,
        Self::RELEASE_ADOPTED,
        Self::ROTATE,
        Self::RAISE,
    ];

    /// The source text, as `EVAL` takes it.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// The SHA-1 digest of the text in lower-case hexadecimal, as `EVALSHA` takes it.
    pub const fn sha1(&self) -> &'static str {
        self.sha1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::{Digest, Sha1};

    #[test]
    fn each_digest_is_that_of_its_text() {
        for script in Script::ALL {
            let digest: String =
                Sha1::digest(script.text()).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(script.sha1(), digest, "the digest beside this text is stale:\n{}", script.text());
        }
    }
}
