//! [`Fields`]: what a token may say, its text, and what has to be read in that by the documents.

use std::time::{Duration, UNIX_EPOCH};

use arbitrary::Arbitrary;
use redsync_core::{LockToken, TokenError};

use super::{SECRET, form};

/// Half of what Redis can count, in milliseconds.
const LONGEST_TTL: u64 = i64::MAX as u64 / 2;
/// The end of the year 9999, in milliseconds since 1970.
const LATEST_EXPIRY: u64 = 253_402_300_799_999;
const MOST_NAME_AND_VALUE: usize = 4096;
const MOST_TEXT: usize = 8192;
/// The fields that are never missing.
const NEEDED: [u8; 6] = [1, 2, 5, 6, 7, 8];
const TRACE_CONTEXT: u8 = 128;

/// What a token says, and what went wrong when it was written.
#[derive(Arbitrary)]
pub(super) struct Fields {
    name: Text,
    value: Text,
    is_exact: bool,
    fence: Option<u64>,
    ttl: Number,
    expires: Number,
    nodes: Number,
    wait: Number,
    trace_context: Option<String>,
    added: Option<(u8, Vec<u8>)>,
    slip: Slip,
}

/// A text: mostly short, now and then empty or very long.
#[derive(Arbitrary)]
enum Text {
    Short(u8),
    Any(String),
    Long(u16),
}

/// A number: mostly a small one.
#[derive(Arbitrary)]
enum Number {
    Small(u8),
    Middle(u32),
    Any(u64),
}

/// A mistake that a writer could make.
#[derive(Arbitrary)]
enum Slip {
    None,
    NoneEither,
    Missing(u8),
    Twice(u8),
    OutOfOrder,
    LeadingZero(u8),
}

type Field = (u8, Vec<u8>);

impl Fields {
    /// The text with these fields.
    pub(super) fn text(&self) -> String {
        let bytes = |(tag, content): &Field| [&[*tag], length(content).as_slice(), content].concat();
        form::whole(&form::base64(&self.fields().iter().flat_map(bytes).collect::<Vec<_>>()))
    }

    /// Checks what was read.
    pub(super) fn check(&self, read: &Result<LockToken, TokenError>) {
        assert_eq!(read.is_ok(), self.is_acceptable(), "{read:?} {:?}", self.fields());
        let Ok(token) = read else { return };
        assert_eq!((token.name(), token.value()), (self.name.text("name").as_str(), self.value().as_str()));
        assert_eq!((token.fence(), token.nodes() as u64), (self.fence, self.nodes.number()));
        assert_eq!(token.ttl(), Duration::from_millis(self.ttl.number()));
        let expires = Duration::from_millis(self.expires.number().min(LATEST_EXPIRY));
        assert_eq!(token.expires(), UNIX_EPOCH + expires);
        assert_eq!(token.trace_context(), self.trace_context.as_deref().filter(|context| fits(context)));
    }

    fn is_acceptable(&self) -> bool {
        let (name, value) = (self.name.text("name").len(), self.value().len());
        let is_sized = name > 0 && value > 0 && name + value <= MOST_NAME_AND_VALUE;
        let is_known = self.added().is_none_or(|(tag, _)| *tag > TRACE_CONTEXT);
        let ttls = [self.ttl.number(), self.wait.number()];
        let is_counted = ttls.iter().all(|ttl| (1..=LONGEST_TTL).contains(ttl))
            && (1..=u64::from(u16::MAX)).contains(&self.nodes.number());
        let is_written_well = matches!(self.slip, Slip::None | Slip::NoneEither);
        is_sized && is_known && is_counted && is_written_well && self.text().len() <= MOST_TEXT
    }

    fn value(&self) -> String {
        self.value.text(SECRET)
    }

    /// A field that no version has, or none yet.
    fn added(&self) -> Option<&Field> {
        self.added.as_ref().filter(|(tag, _)| !(1..=8).contains(tag) && *tag != TRACE_CONTEXT)
    }

    fn fields(&self) -> Vec<Field> {
        let number = |tag, number: u64| (tag, form::number(number));
        let mut fields = vec![(1, self.name.text("name").into()), (2, self.value().into())];
        fields.extend(self.is_exact.then(|| (3, Vec::new())));
        fields.extend(self.fence.map(|fence| number(4, fence)));
        fields.push(number(5, self.ttl.number()));
        fields.extend([number(6, self.expires.number()), number(7, self.nodes.number())]);
        fields.push(number(8, self.wait.number()));
        fields.extend(self.trace_context.iter().map(|context| (TRACE_CONTEXT, context.clone().into())));
        fields.extend(self.added().cloned());
        fields.sort_by_key(|(tag, _)| *tag);
        self.slip.spoil(&mut fields);
        fields
    }
}

impl Slip {
    fn spoil(&self, fields: &mut Vec<Field>) {
        let picked = |pick: u8| NEEDED.get(usize::from(pick) % NEEDED.len()).copied().unwrap_or_default();
        match *self {
            Self::None | Self::NoneEither => {}
            Self::Missing(pick) => fields.retain(|(tag, _)| *tag != picked(pick)),
            Self::Twice(pick) => {
                let twice = fields.iter().find(|(tag, _)| *tag == picked(pick)).cloned();
                fields.extend(twice);
                fields.sort_by_key(|(tag, _)| *tag);
            }
            Self::OutOfOrder => fields.reverse(),
            Self::LeadingZero(pick) => {
                let number = fields.iter_mut().find(|(tag, _)| *tag == 5 + pick % 4);
                number.into_iter().for_each(|(_, content)| content.insert(0, 0));
            }
        }
    }
}

impl Text {
    fn text(&self, start: &str) -> String {
        match self {
            Self::Short(letter) => format!("{start}-{letter}"),
            Self::Any(text) => text.clone(),
            Self::Long(length) => "x".repeat(usize::from(*length) % 6000),
        }
    }
}

impl Number {
    fn number(&self) -> u64 {
        match *self {
            Self::Small(number) => number.into(),
            Self::Middle(number) => number.into(),
            Self::Any(number) => number,
        }
    }
}

/// Whether any header takes a trace context.
fn fits(context: &str) -> bool {
    (1..=512).contains(&context.len()) && context.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

/// Two bytes; what the fuzzer makes is shorter than they can tell.
fn length(content: &[u8]) -> [u8; 2] {
    u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes()
}
