//! The fields of a token as bytes: a tag, the content's length in two bytes, and the content.

use super::error::TokenError;

/// Fields that are being written, in the order of their tags.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Adds a field. What a token holds is far shorter than the 64 KiB that a length can tell.
    pub(super) fn bytes(&mut self, tag: u8, content: &[u8]) {
        self.0.push(tag);
        self.0.extend((content.len() as u16).to_be_bytes());
        self.0.extend(content);
    }

    /// Adds a number: big-endian, without leading zeros.
    pub(super) fn number(&mut self, tag: u8, number: u64) {
        let zeros = number.leading_zeros() as usize / 8;
        let digits: Vec<u8> = number.to_be_bytes().into_iter().skip(zeros).collect();
        self.bytes(tag, &digits);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Fields that are being read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    last: Option<u8>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, last: None }
    }

    /// The next field, whose tag is above the last one's; `None` when there is no more.
    pub(super) fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, TokenError> {
        let Some((&tag, rest)) = self.rest.split_first() else { return Ok(None) };
        let (content, rest) = content(rest).ok_or(TokenError::Damaged("a field of it ends too early"))?;
        if self.last.is_some_and(|last| last >= tag) {
            return Err(TokenError::Damaged("its fields are not in order"));
        }
        (self.rest, self.last) = (rest, Some(tag));
        Ok(Some((tag, content)))
    }
}

fn content(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Reads a number as [`Writer::number`] writes it.
pub(super) fn number(content: &[u8]) -> Result<u64, TokenError> {
    let number = |content: &[u8]| {
        let mut bytes = [0; 8];
        let start = bytes.len().checked_sub(content.len())?;
        bytes.get_mut(start..)?.copy_from_slice(content);
        Some(u64::from_be_bytes(bytes))
    };
    let is_short = content.first() != Some(&0);
    number(content).filter(|_| is_short).ok_or(TokenError::Damaged("a number in it is none"))
}

/// Reads a text.
pub(super) fn text(content: &[u8]) -> Result<&str, TokenError> {
    str::from_utf8(content).map_err(|_| TokenError::Damaged("a text in it is none"))
}
