//! The outside of a token's text: version, length and checksum. It is the same in every version, for ever.
//!
//! The length tells what was cut off, and finds every dropped or doubled character. The CRC finds every
//! changed character and every two swapped neighbours, whatever its luck, since they are bursts of at most 16
//! bits. It is taken of the text and not of what that stands for, so that each token has one text only.

use std::str::FromStr;

use super::error::TokenError;

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u16 = 1;
/// The longest text of a token.
pub(super) const MOST: usize = 8 * 1024;

const PREFIX: &str = "redsync";
/// A dot and eight digits.
const CHECKSUM: usize = 9;

/// What stands before a content of so many characters.
pub(super) fn open(content: usize) -> String {
    format!("{PREFIX}{VERSION}.{}.", content + CHECKSUM)
}

/// Completes the text when the content has been added.
pub(super) fn close(text: String) -> String {
    let checksum = checksum(&text);
    text + "." + &checksum
}

/// Checks the outside of a text, and returns its content.
pub(super) fn content(text: &str) -> Result<&str, TokenError> {
    TokenError::check_size(text.len(), MOST)?;
    let (version, rest) = number::<u16>(without_prefix(text)?)?;
    let (length, rest) = number::<usize>(rest)?;
    if rest.len() < length {
        return Err(TokenError::Truncated);
    }
    let content =
        sound(text, rest, length).ok_or(TokenError::Damaged("its length or its checksum does not match"))?;
    if version == VERSION { Ok(content) } else { Err(TokenError::ForeignVersion(version)) }
}

fn without_prefix(text: &str) -> Result<&str, TokenError> {
    match text.strip_prefix(PREFIX) {
        Some(rest) => Ok(rest),
        None if PREFIX.starts_with(text) => Err(TokenError::Truncated),
        None => Err(TokenError::Damaged("it does not begin like one")),
    }
}

/// Reads a number, written as numbers are, and the dot after it.
fn number<N: FromStr + ToString>(text: &str) -> Result<(N, &str), TokenError> {
    const NO_NUMBER: TokenError = TokenError::Damaged("its version or its length is no number");
    let (digits, rest) = match text.split_once('.') {
        Some(parts) => parts,
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => return Err(TokenError::Truncated),
        None => return Err(NO_NUMBER),
    };
    let number = digits.parse().ok().filter(|number: &N| number.to_string() == digits);
    Ok((number.ok_or(NO_NUMBER)?, rest))
}

/// The content, if length and checksum are right.
fn sound<'a>(text: &str, rest: &'a str, length: usize) -> Option<&'a str> {
    let (content, found) = rest.rsplit_once('.')?;
    let (covered, _) = text.rsplit_once('.')?;
    (rest.len() == length && found == checksum(covered)).then_some(content)
}

fn checksum(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}
