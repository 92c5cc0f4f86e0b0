//! Tokens inside of messages.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    VALUE,
    properties::{any_token, config},
    token,
};
use crate::LockToken;

#[test]
fn a_token_stands_in_a_message_as_its_compact_form() {
    assert_eq!(serde_json::to_value(token()).unwrap(), json!(token().to_compact()));
    let job = json!({ "id": 1138, "lock": token() });
    let read: LockToken = serde_json::from_value(job["lock"].clone()).unwrap();
    assert_eq!(read, token());
}

#[test]
fn what_is_no_token_is_refused_without_being_shown() {
    let damaged = token().to_compact().replace("c1.", "c2.");
    for (value, part) in [
        (json!(damaged), "checksum"),
        (json!("hello"), "does not begin like one"),
        (json!(1138), "expected the compact form of a lock token"),
        (json!([VALUE]), "expected the compact form of a lock token"),
        (json!({ "value": VALUE }), "expected the compact form of a lock token"),
        (Value::Null, "expected the compact form of a lock token"),
    ] {
        let error = serde_json::from_value::<LockToken>(value.clone()).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains(VALUE) && !error.contains(&damaged), "{error}");
    }
}

#[cfg(feature = "signed")]
#[test]
fn a_signed_token_in_a_message_is_not_taken_unchecked() {
    let signed = json!(token().to_signed(&super::signed::key("a")));
    let error = serde_json::from_value::<LockToken>(signed).unwrap_err().to_string();
    assert!(error.contains("`from_signed`"), "{error}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_token_survives_in_text_and_in_bytes(token in any_token()) {
        let text = serde_json::to_string(&token).unwrap();
        prop_assert_eq!(&serde_json::from_str::<LockToken>(&text).unwrap(), &token);
        let bytes = serde_json::to_vec(&token).unwrap();
        prop_assert_eq!(&serde_json::from_reader::<_, LockToken>(bytes.as_slice()).unwrap(), &token);
        let bytes = postcard::to_allocvec(&token).unwrap();
        prop_assert_eq!(postcard::from_bytes::<LockToken>(&bytes).unwrap(), token);
    }

    #[test]
    fn any_bytes_are_refused_in_words(bytes in any::<Vec<u8>>()) {
        prop_assert!(serde_json::from_slice::<LockToken>(&bytes).is_err());
        prop_assert!(postcard::from_bytes::<LockToken>(&bytes).is_err());
    }
}
