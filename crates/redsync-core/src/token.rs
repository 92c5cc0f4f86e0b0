//! [`LockToken`]: a held lock on its way to another task, process or machine.

mod body;
mod error;
mod fields;
mod frame;
#[cfg(feature = "signed")]
mod key;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "signed")]
mod signed;
#[cfg(test)]
mod tests;

pub use error::TokenError;
#[cfg(feature = "signed")]
pub use key::{InvalidKey, SigningKey, VerifyingKeys};

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{InvalidOption, Ttl, Value};

/// The most bytes that name and value have together, so that every token fits into its longest text, whatever trace
/// context and signature are added, and room is left for fields of later versions.
const MOST_NAME_AND_VALUE: usize = 4 * 1024;
/// The longest trace context; W3C's `traceparent` has 55 characters.
const MOST_TRACE_CONTEXT: usize = 512;
/// The end of the year 9999, which every platform's clock can tell, in milliseconds since 1970.
const LATEST_EXPIRY: u64 = 253_402_300_799_999;

/// A held lock on its way to another task, process or machine.
///
/// **A token is a capability.** Who knows the value in it may extend and release the lock, so send it only where the
/// job itself may go. `Debug` and errors never show the value, and there is no `Display`, which would let a log line
/// give the lock away. What is printed on purpose is printed by [`to_compact`](Self::to_compact).
///
/// ```
/// # use redsync_core::{LockToken, TokenError};
/// # use std::time::Duration;
/// # fn worker(header: &str) -> Result<(), TokenError> {
/// let token = LockToken::from_compact(header)?;
/// assert_eq!(token.name(), "report:7");
/// assert_eq!(token.fence(), Some(42));
/// assert_eq!(token.ttl(), Duration::from_secs(8));
/// assert!(!format!("{token:?}").contains(token.value()));
/// assert_eq!(token.to_compact(), header);
/// # Ok(())
/// # }
/// # worker(
/// #     "redsync1.120.AQAIcmVwb3J0OjcCAClqb2ItMTEzODowMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZgQAASoFAAIfQAYABgGbdtqoAAcAAQMIAAMJJ8A.c263f65e",
/// # ).unwrap();
/// ```
///
/// # Compact form
///
/// Letters, digits, `-`, `_` and `.`, at most 8 KiB of them: fit for message headers, URLs and cookies. The lock's name
/// and its value have at most 4 KiB together.
///
/// In every version, today's and tomorrow's, the text is `redsync`, the version, a dot, the number of characters
/// after the next dot, that dot, what the version puts here, a dot, and the CRC-32 of all that stands before it, in 8
/// hexadecimal digits. So every reader can tell a damaged token from one of a version that it does not know. A text in
/// which one character was changed, dropped or doubled, or two neighbours were swapped, is always found out, and so
/// is one that was cut off. Any other damage gets through once in four billion times; against intent only a signature
/// helps (feature `signed`).
///
/// In version 1 it is the fields, in base64url without padding, and when signed the key's id and the HMAC-SHA256 of all
/// that stands before it, with dots between them. Each field is a tag of one byte, its length in two, and its content;
/// tags rise, and numbers are big-endian, without leading zeros. A later release may add fields. One that a
/// reader has to know in order to treat the lock rightly gets a tag below 128, and a reader that does not know it
/// refuses the token ([`TokenError::ForeignField`]). One that it can do without gets a tag from 128, and is skipped.
/// What changes the meaning of a field that is there makes a new version ([`TokenError::ForeignVersion`]).
///
/// # serde
///
/// With the feature `serde` a token is (de)serialized as its compact form, in binary formats too: one parser, and the
/// checksum goes along. Where tokens are to be signed, put the text of `to_signed` into the job instead.
#[derive(Clone, PartialEq, Eq)]
pub struct LockToken {
    parts: Parts,
    trace_context: Option<Arc<str>>,
}

/// What a token says of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) name: Arc<str>,
    pub(crate) value: Value,
    /// Whether rivals may use the same value.
    pub(crate) exact: bool,
    pub(crate) fence: Option<u64>,
    /// The TTL that an adopter works with.
    pub(crate) ttl: Ttl,
    /// The TTL of the value while it waits to be adopted, also after it was handed back.
    pub(crate) wait: Ttl,
    /// In milliseconds since 1970, by the writer's wall clock. For people; nothing is decided by it.
    pub(crate) expires: u64,
    /// How many nodes the quorum is of.
    pub(crate) nodes: u16,
}

impl LockToken {
    /// The version of the compact form that this release writes and reads.
    pub const FORMAT_VERSION: u16 = frame::VERSION;

    /// Makes a token. An expiry after the year 9999 becomes the end of that.
    ///
    /// # Errors
    ///
    /// [`TokenError::Oversized`] when name and value are too long to be sent, and [`TokenError::Damaged`] when what has
    /// to be there is empty or zero.
    pub(crate) fn new(parts: Parts) -> Result<Self, TokenError> {
        if parts.name.is_empty() || parts.value.as_str().is_empty() || parts.nodes == 0 {
            return Err(TokenError::Damaged("it says nothing of the lock's name, its value, or its nodes"));
        }
        TokenError::check_size(parts.name.len() + parts.value.as_str().len(), MOST_NAME_AND_VALUE)?;
        let expires = parts.expires.min(LATEST_EXPIRY);
        Ok(Self { parts: Parts { expires, ..parts }, trace_context: None })
    }

    /// The same token with an expiry, by the wall clock.
    pub(crate) fn expiring(mut self, expires: SystemTime) -> Self {
        let since_1970 = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.parts.expires = u64::try_from(since_1970).unwrap_or(LATEST_EXPIRY).min(LATEST_EXPIRY);
        self
    }

    /// Whether it is of the lock called `name` on so many nodes.
    pub(crate) fn check_lock(&self, name: &Arc<str>, nodes: usize) -> Result<(), InvalidOption> {
        if *self.name() != **name {
            return Err(InvalidOption::OtherToken {
                token: Arc::clone(self.shared_name()),
                name: Arc::clone(name),
            });
        }
        if self.nodes() != nodes {
            return Err(InvalidOption::TokenNodes { token: self.nodes(), nodes });
        }
        Ok(())
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.parts.name
    }

    pub(crate) fn secret(&self) -> &Value {
        &self.parts.value
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The lock's name, which is its key in Redis.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The value that stands at the lock's key. Who knows it may extend and release the lock: keep it out of logs.
    pub fn value(&self) -> &str {
        self.parts.value.as_str()
    }

    /// The fencing number of the lock's last holder; `None` when the lock is not fenced.
    pub fn fence(&self) -> Option<u64> {
        self.parts.fence
    }

    /// The TTL that an adopter works with, in whole milliseconds. While the lock is on its way it has a longer one.
    pub fn ttl(&self) -> Duration {
        self.parts.ttl.as_duration()
    }

    /// When the lock expires if nobody adopts it, by the wall clock of who handed it over.
    ///
    /// For people and metrics: clocks differ, so nothing is decided by it.
    pub fn expires(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.parts.expires)
    }

    /// How many nodes the lock was taken on. An adopter has to use the same ones.
    pub fn nodes(&self) -> usize {
        self.parts.nodes.into()
    }

    /// The trace that the lock belongs to: what was given to [`with_trace_context`](Self::with_trace_context).
    pub fn trace_context(&self) -> Option<&str> {
        self.trace_context.as_deref()
    }

    /// Adds the trace that the lock belongs to, such as a W3C `traceparent`.
    ///
    /// It is printable ASCII of 1 to 512 characters. Anything else is left out with a warning in the log, since no
    /// trace is worth a lock.
    #[must_use]
    pub fn with_trace_context(mut self, context: impl AsRef<str>) -> Self {
        let context = context.as_ref();
        self.trace_context = checked_trace_context(context);
        if self.trace_context.is_none() {
            tracing::warn!(
                length = context.len(),
                "left out a trace context: it must be 1 to 512 printable ASCII characters"
            );
        }
        self
    }

    /// The compact form, without a signature, for a header or a field of a message.
    pub fn to_compact(&self) -> String {
        let body = body::write(self);
        frame::close(frame::open(body.len()) + &body)
    }

    /// Reads the compact form.
    ///
    /// A signed token is refused, since its signature would not be looked at here: whoever wanted it signed would
    /// be none the wiser. Read it by `from_signed` (feature `signed`).
    ///
    /// # Errors
    ///
    /// What is wrong with the text; see [`TokenError`].
    pub fn from_compact(text: &str) -> Result<Self, TokenError> {
        let content = frame::content(text)?;
        if content.contains('.') { Err(TokenError::Signed) } else { body::read(content) }
    }
}

/// Keeps a trace context that can go into any header.
fn checked_trace_context(context: &str) -> Option<Arc<str>> {
    let is_printable = context.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (is_printable && (1..=MOST_TRACE_CONTEXT).contains(&context.len())).then(|| context.into())
}

impl fmt::Debug for LockToken {
    /// Everything but the value, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockToken")
            .field("name", &self.parts.name)
            .field("fence", &self.parts.fence)
            .field("ttl", &self.ttl())
            .field("expires_ms", &self.parts.expires)
            .field("nodes", &self.parts.nodes)
            .field("trace_context", &self.trace_context)
            .finish_non_exhaustive()
    }
}
