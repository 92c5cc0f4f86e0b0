//! Signatures: whose are accepted, and what is said of the others.

use proptest::prelude::*;

use super::{
    VALUE, frame, of_content,
    properties::{any_token, config, edited, edits},
    token,
};
use crate::{InvalidKey, LockToken, SigningKey, TokenError, VerifyingKeys};

const SECRET: &str = "a secret of enough bytes";

pub(super) fn key(id: &str) -> SigningKey {
    SigningKey::new(id, format!("{SECRET}: {id}")).unwrap()
}

pub(super) fn keys<const N: usize>(ids: [&str; N]) -> VerifyingKeys {
    VerifyingKeys::new(ids.map(key)).unwrap()
}

pub(super) fn assert_survives(token: &LockToken) {
    let id = "i".repeat(64);
    let text = token.to_signed(&key(&id));
    assert!(text.len() <= frame::MOST, "{}", text.len());
    assert_eq!(LockToken::from_signed(&text, &keys([&id])).as_ref(), Ok(token));
}

#[test]
fn tokens_of_every_key_are_read_while_keys_change() {
    let (old, new) = (token().to_signed(&key("old")), token().to_signed(&key("new")));
    let both = keys(["old", "new"]);
    for text in [&old, &new] {
        assert_eq!(LockToken::from_signed(text, &both), Ok(token()));
    }
    assert_eq!(LockToken::from_signed(&old, &keys(["new"])), Err(TokenError::UnknownKey));
    assert_eq!(LockToken::from_signed(&new, &keys(["old"])), Err(TokenError::UnknownKey));
}

#[test]
fn neither_reader_takes_the_others_form() {
    let signed = token().to_signed(&key("a"));
    assert_eq!(LockToken::from_compact(&signed), Err(TokenError::Signed));
    let unsigned = token().to_compact();
    assert_eq!(LockToken::from_signed(&unsigned, &keys(["a"])), Err(TokenError::Unsigned));
}

#[test]
fn what_somebody_without_the_secret_makes_is_forged() {
    let signed = token().to_signed(&key("a"));
    let [_, _, body, _, signature, _] = parts(&signed);
    let [_, _, body_of_another, ..] = parts(&token().with_trace_context("x").to_signed(&key("a")));
    let other_secret = SigningKey::new("a", "another secret of enough bytes").unwrap();
    let [_, _, _, _, signature_of_another, _] = parts(&token().to_signed(&other_secret));
    let cases = [
        (body_of_another.clone(), "a", signature.clone()),
        (body.clone(), "a", signature_of_another),
        (body.clone(), "a", signature[..40].to_owned()),
        (body.clone(), "a", signature.clone() + "AAAA"),
        (body.clone(), "a", String::new()),
        (body.clone(), "a", "=".to_owned()),
        (body.clone(), "a", signature.clone() + ".more"),
        // The signature is of the key's id too.
        (body.clone(), "b", signature.clone()),
    ];
    for (body, id, signature) in cases {
        let text = of_content(&format!("{body}.{id}.{signature}"));
        let error = LockToken::from_signed(&text, &keys(["a", "b"])).unwrap_err();
        assert_eq!(error, TokenError::Forged, "{text}");
    }
    let text = of_content(&format!("{body}.a.{signature}"));
    assert_eq!(LockToken::from_signed(&text, &keys(["a", "b"])), Ok(token()));
}

/// A part could be guessed.
#[test]
fn a_part_of_a_signature_is_none() {
    let [_, _, body, ..] = parts(&token().to_signed(&key("a")));
    for (length, expected) in [
        (4, Err(TokenError::Forged)),
        (20, Err(TokenError::Forged)),
        (40, Err(TokenError::Forged)),
        (43, Ok(token())),
    ] {
        let signed = frame::open(body.len() + ".a.".len() + length) + &body + ".a";
        let text = signed.clone() + "." + &key("a").sign(&signed)[..length];
        assert_eq!(LockToken::from_signed(&frame::close(text), &keys(["a"])), expected, "{length}");
    }
}

/// Nothing of a content is believed, or looked at, before its signature.
#[test]
fn a_signature_is_looked_at_before_the_content() {
    for (content, error) in [
        ("?.a.AAAA", TokenError::Forged),
        ("?.c.AAAA", TokenError::UnknownKey),
        ("?..AAAA", TokenError::UnknownKey),
        ("?", TokenError::Unsigned),
    ] {
        assert_eq!(LockToken::from_signed(&of_content(content), &keys(["a"])), Err(error), "{content}");
    }
    let error = LockToken::from_signed(&of_content("?.a"), &keys(["a"])).unwrap_err();
    assert!(error.to_string().contains("its signature is none"), "{error}");
}

#[test]
fn damage_is_not_taken_for_forgery() {
    let signed = token().to_signed(&key("a"));
    let damaged = signed.replace(".a.", ".b.");
    assert!(matches!(LockToken::from_signed(&damaged, &keys(["a", "b"])), Err(TokenError::Damaged(_))));
    let cut_off = &signed[..signed.len() - 9];
    assert_eq!(LockToken::from_signed(cut_off, &keys(["a"])), Err(TokenError::Truncated));
}

#[test]
fn keys_that_cannot_be_are_refused() {
    let new = |id: &str, length: usize| SigningKey::new(id, vec![7; length]).map(drop);
    assert_eq!(new("a", 15), Err(InvalidKey::ShortSecret(15)));
    assert_eq!(new("a", 16), Ok(()));
    assert_eq!(new("a", 10_000), Ok(()));
    let longest = "x".repeat(64);
    assert_eq!(new(&longest, 16), Ok(()));
    for id in ["", "a.b", "a b", "ä", "a\n", &(longest + "x")] {
        assert_eq!(new(id, 16), Err(InvalidKey::Id(id.to_owned())));
    }
    let set = |ids: &[&str]| VerifyingKeys::new(ids.iter().map(|id| key(id))).map(drop);
    assert_eq!(set(&[]), Err(InvalidKey::NoKeys));
    assert_eq!(set(&["b", "a", "b"]), Err(InvalidKey::SameId("b".to_owned())));
    assert_eq!(set(&["b", "a", "c"]), Ok(()));
}

#[test]
fn keys_and_errors_keep_their_secrets() {
    let text = format!("{:?} {:?}", key("first"), keys(["second"]));
    assert!(text.contains("first") && text.contains("second"), "{text}");
    let error = LockToken::from_signed(&token().to_signed(&key("a")), &keys(["b"])).unwrap_err();
    let short = SigningKey::new("a", &SECRET[..15]).unwrap_err();
    for told in [text, format!("{error} {error:?} {short} {short:?}")] {
        assert!(!told.contains(&SECRET[..15]) && !told.contains(VALUE), "{told}");
    }
}

/// The parts of a signed text: prefix and version, length, body, key id, signature and checksum.
fn parts(text: &str) -> [String; 6] {
    text.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_token_survives_signed(token in any_token(), id in "[A-Za-z0-9_-]{1,64}") {
        let text = token.to_signed(&key(&id));
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
        prop_assert_eq!(LockToken::from_signed(&text, &keys([&id])), Ok(token));
    }

    #[test]
    fn no_edit_of_a_signed_text_gives_another_token(token in any_token(), edits in edits()) {
        let text = token.to_signed(&key("a"));
        let edited = edited(&text, &edits);
        match LockToken::from_signed(&edited, &keys(["a"])) {
            Ok(read) => prop_assert!(edited == text && read == token),
            Err(_) => prop_assert!(edited != text),
        }
    }

    /// Somebody who mends the checksum gets no further.
    #[test]
    fn no_content_is_accepted_without_the_secret(token in any_token(), edits in edits()) {
        let text = token.to_signed(&key("a"));
        let [_, _, body, id, signature, _] = parts(&text);
        let forged = of_content(&edited(&format!("{body}.{id}.{signature}"), &edits));
        prop_assert_eq!(LockToken::from_signed(&forged, &keys(["a"])).is_ok(), forged == text);
    }
}
