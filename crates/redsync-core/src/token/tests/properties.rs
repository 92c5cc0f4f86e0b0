//! What holds for every token and every text.

use std::time::Duration;

use proptest::{prelude::*, sample::Index};

use super::{of_content, of_fields};
use crate::{
    LockToken, Ttl, Value,
    token::{LATEST_EXPIRY, Parts},
};

pub(super) fn config() -> ProptestConfig {
    ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() }
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0_u64..100_000, any::<u64>(), Just(u64::MAX)]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9:{}-]{1,40}", any::<String>().prop_filter("empty", |text| !text.is_empty())]
}

pub(super) fn any_token() -> impl Strategy<Value = LockToken> {
    let ttl = prop_oneof![1_u64..100_000, 1..=Ttl::MAX_MILLIS, Just(Ttl::MAX_MILLIS)];
    let ttls = (ttl.clone(), ttl);
    let fence = prop::option::of(number());
    let trace = prop::option::of("[ -~]{1,60}");
    (text(), text(), any::<bool>(), fence, ttls, number(), 1..=u16::MAX, trace).prop_map(
        |(name, value, exact, fence, (ttl_millis, wait), expires, nodes, trace)| {
            let ttl = |millis| Ttl::new(Duration::from_millis(millis)).unwrap();
            let (ttl, wait) = (ttl(ttl_millis), ttl(wait));
            let (name, value) = (name.into(), Value::new(value));
            let token =
                LockToken::new(Parts { name, value, exact, fence, ttl, wait, expires, nodes }).unwrap();
            trace.into_iter().fold(token, LockToken::with_trace_context)
        },
    )
}

/// What may happen to a text on its way.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Set(Index, char),
    Add(Index, char),
    Drop(Index),
    Double(Index),
    Swap(Index, Index),
    Cut(Index),
    /// A part comes to stand at another place.
    Move(Index, Index, Index),
}

impl Edit {
    fn apply(&self, text: &mut Vec<char>) {
        if text.is_empty() {
            return;
        }
        let length = text.len();
        match self {
            Self::Set(at, new) => text[at.index(length)] = *new,
            Self::Add(at, new) => text.insert(at.index(length), *new),
            Self::Drop(at) => drop(text.remove(at.index(length))),
            Self::Double(at) => text.insert(at.index(length), text[at.index(length)]),
            Self::Swap(one, other) => text.swap(one.index(length), other.index(length)),
            Self::Cut(at) => text.truncate(at.index(length)),
            Self::Move(one, other, to) => {
                let (one, other) = (one.index(length), other.index(length));
                let part: Vec<_> = text.drain(one.min(other)..one.max(other)).collect();
                let to = to.index(text.len() + 1);
                text.splice(to..to, part);
            }
        }
    }
}

pub(super) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let (at, character) = (any::<Index>, prop_oneof![any::<char>(), prop::char::range('-', 'z')]);
    let edit = prop_oneof![
        (at(), character.clone()).prop_map(|(at, new)| Edit::Set(at, new)),
        (at(), character).prop_map(|(at, new)| Edit::Add(at, new)),
        at().prop_map(Edit::Drop),
        at().prop_map(Edit::Double),
        (at(), at()).prop_map(|(one, other)| Edit::Swap(one, other)),
        at().prop_map(Edit::Cut),
        (at(), at(), at()).prop_map(|(one, other, to)| Edit::Move(one, other, to)),
    ];
    prop::collection::vec(edit, 1..6)
}

pub(super) fn edited(text: &str, edits: &[Edit]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    edits.iter().for_each(|edit| edit.apply(&mut text));
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_token_survives(token in any_token()) {
        let text = token.to_compact();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
        prop_assert!(token.parts().expires <= LATEST_EXPIRY);
        let read = LockToken::from_compact(&text).unwrap();
        prop_assert_eq!(read.to_compact(), text);
        prop_assert_eq!(read.parts(), token.parts());
        prop_assert_eq!(read, token);
    }

    #[test]
    fn no_edit_gives_another_token(token in any_token(), edits in edits()) {
        let text = token.to_compact();
        let edited = edited(&text, &edits);
        match LockToken::from_compact(&edited) {
            Ok(read) => prop_assert!(edited == text && read == token),
            Err(_) => prop_assert!(edited != text),
        }
    }

    #[test]
    fn any_text_is_refused_in_words(text in any::<String>(), prefix in "redsync[0-9.]{0,8}") {
        for text in [&text, &(prefix + &text)] {
            prop_assert!(LockToken::from_compact(text).is_err());
        }
    }

    #[test]
    fn what_any_content_is_read_as_is_written_as_the_same(bytes in any::<Vec<u8>>()) {
        let content = crate::token::body::encode(&bytes);
        if let Ok(token) = LockToken::from_compact(&of_content(&content)) {
            prop_assert_eq!(LockToken::from_compact(&token.to_compact()), Ok(token));
        }
    }

    #[test]
    fn what_any_fields_are_read_as_is_written_as_the_same(
        mut fields in prop::collection::btree_map(9_u8.., any::<Vec<u8>>(), 0..3),
        known in prop::collection::btree_map(1_u8..9, prop_oneof!["[a-z]{0,3}", "[\u{1}-\u{7f}]{1,2}"], 3..9),
    ) {
        fields.extend(known.into_iter().map(|(tag, content)| (tag, content.into_bytes())));
        let fields: Vec<_> = fields.iter().map(|(tag, content)| (*tag, content.as_slice())).collect();
        if let Ok(token) = LockToken::from_compact(&of_fields(&fields)) {
            prop_assert_eq!(LockToken::from_compact(&token.to_compact()), Ok(token));
        }
    }
}
