//! [`Envelope`]: how a token is written into the headers of a message, and read from them.

use redsync_core::{LockToken, TokenError};
#[cfg(feature = "signed")]
use redsync_core::{SigningKey, VerifyingKeys};

use crate::Carrier;

/// The header that a token travels in.
pub const TOKEN_HEADER: &str = "redsync-lock";

/// How tokens are written into the headers of messages, and read from them: as they are, or signed.
///
/// Writers and readers have to agree. Whoever can write into the queue can make a plain token up; what can be done with it
/// is no more than anybody can do who reaches the servers.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    #[cfg(feature = "signed")]
    seal: Option<(SigningKey, VerifyingKeys)>,
}

impl Envelope {
    /// Tokens as they are, with a checksum.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Tokens that are signed with `key`, and read where one of `keys` has signed them. Unsigned ones are refused.
    #[cfg(feature = "signed")]
    pub fn signed(key: SigningKey, keys: VerifyingKeys) -> Self {
        Self { seal: Some((key, keys)) }
    }

    /// Puts the token into the headers of a message.
    ///
    /// With the feature `opentelemetry` also the context of the current span: see [Traces](crate#traces).
    pub fn put(&self, token: &LockToken, headers: &mut impl Carrier) {
        // First, so that whatever a propagator writes is not in the place of the token.
        #[cfg(feature = "opentelemetry")]
        crate::trace::context::inject(headers);
        headers.set(TOKEN_HEADER, self.write(token));
    }

    /// Takes the token out of the headers of a message; `None` where there is none.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn take(&self, headers: &(impl Carrier + ?Sized)) -> Option<Result<LockToken, TokenError>> {
        headers.get(TOKEN_HEADER).map(|text| self.read(&text))
    }

    #[cfg(feature = "signed")]
    fn write(&self, token: &LockToken) -> String {
        self.seal.as_ref().map_or_else(|| token.to_compact(), |(key, _)| token.to_signed(key))
    }

    #[cfg(feature = "signed")]
    fn read(&self, text: &str) -> Result<LockToken, TokenError> {
        match &self.seal {
            Some((_, keys)) => LockToken::from_signed(text, keys),
            None => LockToken::from_compact(text),
        }
    }

    #[cfg(not(feature = "signed"))]
    fn write(&self, token: &LockToken) -> String {
        token.to_compact()
    }

    #[cfg(not(feature = "signed"))]
    fn read(&self, text: &str) -> Result<LockToken, TokenError> {
        LockToken::from_compact(text)
    }
}
