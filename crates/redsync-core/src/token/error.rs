//! [`TokenError`]: what is wrong with the text of a token.

use super::frame;

/// What is wrong with the text of a token, and what to do about it. It shows neither the text nor the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Something changed the text on its way, or it never was a token's: look at what carried it.
    #[error("no lock token, or a damaged one: {0}; look at what carried it")]
    Damaged(&'static str),
    /// The text ends too early: look for what limits its length, such as a header or a column.
    #[error("a lock token that was cut off: look for what limits its length")]
    Truncated,
    /// The text is longer than any token, or name and value are too long for one: shorten the lock's name or
    /// its value, or look at what was read in a token's place.
    #[error(
        "{size} bytes, where a lock token has at most {limit} of them: shorten the lock's name or its value"
    )]
    Oversized {
        /// How many bytes there are: of the text, or of name and value together.
        size: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The text is whole, but of another version than this release reads: use one that reads it.
    #[error(
        "a lock token of version {0}, where this release reads version {known}: use one that reads it",
        known = frame::VERSION
    )]
    ForeignVersion(u16),
    /// The token says something that this release does not know, and that is not to be skipped: use a later one.
    #[error(
        "a lock token with a field {0} that this release does not know and may not skip: use a later one"
    )]
    ForeignField(u8),
    /// The token is signed, and its signature would not have been checked: read it by `from_signed`, with the
    /// keys (feature `signed`).
    #[error("a signed lock token: read it by `from_signed`, with the keys (feature `signed`)")]
    Signed,
    /// The token has no signature, but one is demanded: sign it where it is written, and do not trust this one.
    #[error("a lock token without a signature, where one is demanded: sign it where it is written")]
    Unsigned,
    /// The token is signed with a key that this reader does not have: give the reader the key before anybody
    /// signs with it, and take it away only when no token is on its way any more.
    #[error("a lock token signed with an unknown key: give it to the readers before anybody signs with it")]
    UnknownKey,
    /// The signature does not match: somebody made the token up or changed it, or writer and reader have
    /// different secrets under one key id.
    #[error("a forged lock token: its signature does not match; or one key id stands for two secrets")]
    Forged,
}

impl TokenError {
    pub(super) fn check_size(size: usize, limit: usize) -> Result<(), Self> {
        if size > limit { Err(Self::Oversized { size, limit }) } else { Ok(()) }
    }
}
