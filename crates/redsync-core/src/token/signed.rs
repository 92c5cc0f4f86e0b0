//! Tokens with a signature.

use super::{LockToken, SigningKey, TokenError, VerifyingKeys, body, frame};

/// A signature is 32 bytes in base64url.
const SIGNATURE: usize = 43;

/// Signatures (feature `signed`).
impl LockToken {
    /// The compact form with a signature, so that nobody without the secret can make a token up or change it.
    ///
    /// It does not hide what the token says, and a token that was copied is as good as the first: of several
    /// deliveries only one can be adopted, whoever brings it.
    ///
    /// ```
    /// # use redsync_core::{InvalidKey, LockToken, SigningKey, TokenError, VerifyingKeys};
    /// # fn both_ends(token: LockToken) -> Result<(), InvalidKey> {
    /// let [old, new] = ["2025-12", "2026-01"].map(|id| SigningKey::new(id, format!("sixteen bytes or more: {id}")));
    /// let (old, new) = (old?, new?);
    /// let text = token.to_signed(&new);
    ///
    /// let keys = VerifyingKeys::new([old.clone(), new])?;
    /// assert_eq!(LockToken::from_signed(&text, &keys).as_ref(), Ok(&token));
    /// assert_eq!(LockToken::from_signed(&token.to_compact(), &keys), Err(TokenError::Unsigned));
    ///
    /// let keys = VerifyingKeys::new([old])?;
    /// assert_eq!(LockToken::from_signed(&text, &keys), Err(TokenError::UnknownKey));
    /// # Ok(())
    /// # }
    /// # both_ends(LockToken::from_compact(
    /// #     "redsync1.120.AQAIcmVwb3J0OjcCAClqb2ItMTEzODowMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZgQAASoFAAIfQAYABgGbdtqoAAcAAQMIAAMJJ8A.c263f65e",
    /// # ).unwrap()).unwrap();
    /// ```
    pub fn to_signed(&self, key: &SigningKey) -> String {
        let body = body::write(self);
        let length = body.len() + 1 + key.id().len() + 1 + SIGNATURE;
        let signed = frame::open(length) + &body + "." + key.id();
        let signature = key.sign(&signed);
        frame::close(signed + "." + &signature)
    }

    /// Reads the compact form of a token that one of these keys signed.
    ///
    /// # Errors
    ///
    /// [`TokenError::Unsigned`] when there is no signature, [`TokenError::UnknownKey`] and [`TokenError::Forged`] when it
    /// is not to be trusted, and as [`from_compact`](Self::from_compact). What the token says is looked at last.
    pub fn from_signed(text: &str, keys: &VerifyingKeys) -> Result<Self, TokenError> {
        const NO_SIGNATURE: TokenError = TokenError::Damaged("its signature is none");
        let (body, key) = frame::content(text)?.split_once('.').ok_or(TokenError::Unsigned)?;
        let (id, signature) = key.split_once('.').ok_or(NO_SIGNATURE)?;
        let signed = text.rsplitn(3, '.').nth(2).ok_or(NO_SIGNATURE)?;
        keys.find(id)?.check(signed, signature)?;
        body::read(body)
    }
}
