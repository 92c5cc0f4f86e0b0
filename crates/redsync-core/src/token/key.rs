//! [`SigningKey`] and [`VerifyingKeys`]: what tokens are signed and checked with.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{body, error::TokenError};

/// The shortest secret, in bytes: 128 bits cannot be guessed.
const LEAST_SECRET: usize = 16;
/// The longest id of a key.
const MOST_ID: usize = 64;

/// A secret that tokens are signed with by HMAC-SHA256, and its id, which goes with every token in the clear.
///
/// Who checks tokens needs the same secret, and could sign with it. `Debug` shows the id alone.
#[derive(Clone)]
pub struct SigningKey {
    id: Arc<str>,
    mac: Hmac<Sha256>,
}

/// A key, or a set of keys, that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The secret is too short.
    #[error("a secret of {0} bytes: it needs at least 16 random ones")]
    ShortSecret(usize),
    /// The id is none.
    #[error("a key id of {0:?}: it must be 1 to 64 letters, digits, `-` and `_` of ASCII")]
    Id(String),
    /// Two keys have the same id, so that a token's key could be either.
    #[error("two keys with the id {0:?}: give a new key a new id")]
    SameId(String),
    /// There are no keys.
    #[error("no keys: no token could ever be read")]
    NoKeys,
}

impl SigningKey {
    /// A key of this secret: at least 16 bytes, from a good random generator. The id is 1 to 64 letters, digits, `-`
    /// and `_` of ASCII, and a new secret gets a new one.
    ///
    /// # Errors
    ///
    /// [`InvalidKey::Id`] or [`InvalidKey::ShortSecret`].
    pub fn new(id: impl Into<Arc<str>>, secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        let (id, secret) = (id.into(), secret.as_ref());
        if !is_id(&id) {
            return Err(InvalidKey::Id(id.as_ref().into()));
        }
        let short = || InvalidKey::ShortSecret(secret.len());
        let secret = Some(secret).filter(|secret| secret.len() >= LEAST_SECRET).ok_or_else(short)?;
        Ok(Self { id, mac: Hmac::new_from_slice(secret).map_err(|_| short())? })
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The signature of a text.
    pub(super) fn sign(&self, text: &str) -> String {
        body::encode(&self.over(text).finalize().into_bytes())
    }

    /// Checks a signature, in a time that does not tell how much of it is right.
    pub(super) fn check(&self, text: &str, signature: &str) -> Result<(), TokenError> {
        let signature = body::decode(signature).ok_or(TokenError::Forged)?;
        self.over(text).verify_slice(&signature).map_err(|_| TokenError::Forged)
    }

    fn over(&self, text: &str) -> Hmac<Sha256> {
        self.mac.clone().chain_update(text)
    }
}

fn is_id(id: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MOST_ID).contains(&id.len()) && id.bytes().all(is_part)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The keys that a reader accepts.
///
/// To change keys, give the new one to every reader, then to the writers, and take the old one away from the
/// readers when none of its tokens is on its way any more.
#[derive(Clone, Debug)]
pub struct VerifyingKeys(Arc<[SigningKey]>);

impl VerifyingKeys {
    /// These keys, in any order.
    ///
    /// # Errors
    ///
    /// [`InvalidKey::NoKeys`] or [`InvalidKey::SameId`].
    pub fn new(keys: impl IntoIterator<Item = SigningKey>) -> Result<Self, InvalidKey> {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        let same = keys.windows(2).find_map(|pair| match pair {
            [a, b] if a.id == b.id => Some(InvalidKey::SameId(a.id().to_owned())),
            _ => None,
        });
        match same {
            Some(same) => Err(same),
            None if keys.is_empty() => Err(InvalidKey::NoKeys),
            None => Ok(Self(keys.into())),
        }
    }

    /// The key with this id.
    pub(super) fn find(&self, id: &str) -> Result<&SigningKey, TokenError> {
        self.0.iter().find(|key| key.id() == id).ok_or(TokenError::UnknownKey)
    }
}
