//! The target `tokens`: whatever comes for a token is read as what it says, or refused without being shown.

mod form;
mod spec;

use arbitrary::{Arbitrary, Unstructured};
use redsync_core::{LockToken, SigningKey, TokenError, VerifyingKeys};

use self::spec::Fields;

/// A value that stands nowhere else, to be looked for.
const SECRET: &str = "secret-e2b1f0";

/// What comes for a token.
#[derive(Arbitrary)]
enum Input<'a> {
    /// Any text.
    Text(&'a str),
    /// Any content, whole outside.
    Content(&'a str),
    /// Any bytes where fields belong.
    Bytes(&'a [u8]),
    /// Fields that mostly make sense.
    Fields(Fields),
    /// The text of a good token with one edit.
    Edit(Fields, Edit),
}

#[derive(Arbitrary)]
enum Edit {
    Set(u16, char),
    Add(u16, char),
    Drop(u16),
    Double(u16),
    Swap(u16),
    Cut(u16),
}

/// Reads what the bytes stand for, in each way that there is.
///
/// # Panics
///
/// When a token says something else than its text does, when a text is accepted that should not be, and when a value
/// is shown.
pub fn run(data: &[u8]) {
    let Some(keys) = keys() else { return };
    if let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) {
        match input {
            Input::Text(text) => drop(read(text, &keys)),
            Input::Content(content) => drop(read(&form::whole(content), &keys)),
            Input::Bytes(bytes) => drop(read(&form::whole(&form::base64(bytes)), &keys)),
            Input::Fields(fields) => fields.check(&read(&fields.text(), &keys)),
            Input::Edit(fields, edit) => check_edit(&fields.text(), &edit, &keys),
        }
    }
}

fn keys() -> Option<VerifyingKeys> {
    VerifyingKeys::new([key()?]).ok()
}

fn key() -> Option<SigningKey> {
    SigningKey::new("fuzz", "nobody who makes up texts knows it").ok()
}

/// Reads a text in both ways, and checks what has to hold of any.
fn read(text: &str, keys: &VerifyingKeys) -> Result<LockToken, TokenError> {
    let signed = LockToken::from_signed(text, keys);
    assert!(signed.is_err(), "accepted without the secret: {text:?}");
    let read = LockToken::from_compact(text);
    match &read {
        Ok(token) => {
            assert_eq!(signed, Err(TokenError::Unsigned));
            check_token(token, keys);
        }
        Err(error) => check_secrecy(&format!("{error} {error:?} {signed:?}")),
    }
    read
}

/// A token that was read is written in a way that is read as the same.
fn check_token(token: &LockToken, keys: &VerifyingKeys) {
    let shown = [token.name(), token.trace_context().unwrap_or_default()];
    if !shown.iter().any(|text| text.contains(SECRET)) {
        check_secrecy(&format!("{token:?}"));
    }
    assert_eq!(LockToken::from_compact(&token.to_compact()).as_ref(), Ok(token));
    let Some(key) = key() else { return };
    let signed = token.to_signed(&key);
    assert_eq!(LockToken::from_signed(&signed, keys).as_ref(), Ok(token));
    assert_eq!(LockToken::from_compact(&signed), Err(TokenError::Signed));
}

fn check_secrecy(told: &str) {
    assert!(!told.contains(SECRET), "{told}");
}

/// One edit is always found out, in a signed text too.
fn check_edit(text: &str, edit: &Edit, keys: &VerifyingKeys) {
    let Ok(token) = read(text, keys) else { return };
    let Some(key) = key() else { return };
    let edited = edit.apply(text);
    assert!(edited == text || read(&edited, keys).is_err(), "{edited}");
    let signed = token.to_signed(&key);
    let edited = edit.apply(&signed);
    assert!(edited == signed || LockToken::from_signed(&edited, keys).is_err(), "{edited}");
}

impl Edit {
    fn apply(&self, text: &str) -> String {
        let mut text: Vec<char> = text.chars().collect();
        let length = text.len();
        let place = |at: u16| usize::from(at) % length;
        match *self {
            Self::Set(at, new) => drop(text.splice(place(at)..=place(at), [new])),
            Self::Add(at, new) => text.insert(place(at), new),
            Self::Drop(at) => drop(text.remove(place(at))),
            Self::Double(at) => {
                let doubled = text.get(place(at)).copied();
                drop(text.splice(place(at)..place(at), doubled));
            }
            Self::Swap(at) => text.swap(place(at), place(at.saturating_add(1))),
            Self::Cut(at) => text.truncate(place(at)),
        }
        text.into_iter().collect()
    }
}
