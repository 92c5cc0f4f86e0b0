//! Each thing that can be wrong with a text, what is said of it, and what is nevertheless read.

use std::time::{Duration, UNIX_EPOCH};

use super::{VALUE, fields, frame, of_content, of_fields, parts, token};
use crate::{
    LockToken, TokenError, Value,
    token::{LATEST_EXPIRY, MOST_NAME_AND_VALUE, MOST_TRACE_CONTEXT, Parts},
};

/// Texts that are no whole token of this version.
#[test]
fn what_is_wrong_outside_is_told() {
    let text = token().to_compact();
    let tomorrows = frame::close("redsync2.14.other".to_owned());
    let cases = [
        ("".to_owned(), "cut off"),
        ("red".to_owned(), "cut off"),
        ("redsync1".to_owned(), "cut off"),
        ("redsync1.12".to_owned(), "cut off"),
        (text.replace(&text[50..51], ""), "cut off"),
        ("hello".to_owned(), "does not begin like one"),
        ("größe".to_owned(), "does not begin like one"),
        (text.to_uppercase(), "does not begin like one"),
        ("redsyncs".to_owned(), "no number"),
        ("redsync1,112".to_owned(), "no number"),
        (text.replace("c1.", "c01."), "no number"),
        (text.replace("c1.", "c+1."), "no number"),
        (text.replace("c1.", "c65537."), "no number"),
        (text.replace(".120.", ".99999999999999999999."), "no number"),
        (text.replace("c1.", "c2."), "checksum"),
        (text.clone() + "\n", "checksum"),
        (text.replace('b', "B"), "checksum"),
        (tomorrows.clone(), "of version 2, where this release reads version 1"),
        (tomorrows.replace("other", "oteer"), "checksum"),
        (tomorrows.replace("other", ""), "cut off"),
        (frame::close("redsync0.9.".to_owned()), "of version 0"),
        (frame::close("redsync1.8".to_owned()), "checksum"),
        (frame::close("redsync1.12.body".to_owned()), "length"),
        (frame::close("redsync1.14.body".to_owned()), "cut off"),
        ("x".repeat(8 * 1024 + 1), "8193 bytes, where a lock token has at most 8192"),
    ];
    for (text, part) in cases {
        assert_refused(&text, part);
    }
}

/// Whole texts whose content makes no sense.
#[test]
fn what_is_wrong_inside_is_told() {
    let cases = [
        (of_content(""), "a field is missing"),
        (of_content("="), "not base64url"),
        (of_content("A"), "not base64url"),
        // Bits that no byte takes in.
        (of_content("AQABbR"), "not base64url"),
        (of_content("AQ"), "ends too early"),
        (of_content("AQAC_w"), "ends too early"),
        (of_content("body.id.signature"), "`from_signed`"),
        (of_content("body."), "`from_signed`"),
        (with(1, b""), "nothing of the lock's name"),
        (with(1, b"\xff"), "a text in it is none"),
        (with(2, b""), "nothing of the lock's name"),
        (with(2, b"\xff"), "a text in it is none"),
        (with(3, b"1"), "more than yes"),
        (with(4, &[0, 1]), "a number in it is none"),
        (with(4, &[1; 9]), "a number in it is none"),
        (with(5, b""), "TTL cannot be"),
        (with(5, &[0x40, 0, 0, 0, 0, 0, 0, 0]), "TTL cannot be"),
        (with(7, b""), "nothing of the lock's name"),
        (with(7, &[1, 0, 0]), "number of nodes cannot be"),
        (with(8, b""), "TTL cannot be"),
        (with(9, b"?"), "a field 9 that this release does not know"),
        (with(127, b""), "a field 127 that this release does not know"),
        (of_fields(&[fields(), vec![(7, &[3])]].concat()), "not in order"),
        (of_fields(&[fields(), vec![(4, &[3])]].concat()), "not in order"),
        (with(1, &vec![b'n'; MOST_NAME_AND_VALUE - VALUE.len() + 1]), "4097 bytes, where"),
    ];
    for (text, part) in cases {
        assert_refused(&text, part);
    }
    for missing in 0..fields().len() {
        let mut rest = fields();
        rest.remove(missing);
        assert_refused(&of_fields(&rest), "a field is missing");
    }
}

#[test]
fn what_can_be_done_without_is_skipped() {
    let plain = LockToken::from_compact(&of_fields(&fields())).unwrap();
    for tag in 129..=255 {
        assert_eq!(LockToken::from_compact(&with(tag, b"of tomorrow")), Ok(plain.clone()), "{tag}");
    }
    let traced = LockToken::from_compact(&with(128, b"00-aa-bb-01")).unwrap();
    assert_eq!(traced, plain.clone().with_trace_context("00-aa-bb-01"));
    let too_long = [b'x'; MOST_TRACE_CONTEXT + 1];
    for odd in [&b""[..], b"\xff", b"a\r\nb", &too_long] {
        assert_eq!(LockToken::from_compact(&with(128, odd)), Ok(plain.clone()), "{odd:?}");
    }
}

#[test]
fn a_trace_context_that_no_header_can_take_is_left_out() {
    let longest = "x".repeat(MOST_TRACE_CONTEXT);
    for (context, is_kept) in
        [("00-aa-bb-01", true), (" ~", true), (&longest, true), ("", false), ("a\n", false), ("ä", false)]
    {
        let traced = token().with_trace_context("before").with_trace_context(context);
        assert_eq!(traced.trace_context(), is_kept.then_some(context));
    }
    assert_eq!(token().with_trace_context(longest + "x"), token());
}

#[test]
fn an_expiry_that_clocks_cannot_tell_is_the_last_that_they_can() {
    let latest = UNIX_EPOCH + Duration::from_millis(LATEST_EXPIRY);
    for expires in [LATEST_EXPIRY, LATEST_EXPIRY + 1, u64::MAX] {
        assert_eq!(LockToken::new(Parts { expires, ..parts() }).unwrap().expires(), latest);
        let read = LockToken::from_compact(&with(
            6,
            &expires.to_be_bytes()[(expires.leading_zeros() / 8) as usize..],
        ));
        assert_eq!(read.unwrap().expires(), latest);
    }
}

#[test]
fn the_longest_token_fits_and_a_longer_one_is_refused_where_it_is_made() {
    let of_length = |length: usize| {
        let (name, value) = ("n".into(), Value::new("v".repeat(length - 1)));
        let parts = Parts { name, value, exact: true, fence: Some(u64::MAX), expires: u64::MAX, ..parts() };
        Ok(LockToken::new(parts)?.with_trace_context("t".repeat(MOST_TRACE_CONTEXT)))
    };
    let longest = of_length(MOST_NAME_AND_VALUE).unwrap();
    assert!(longest.trace_context().is_some());
    assert_eq!(LockToken::from_compact(&longest.to_compact()), Ok(longest.clone()));
    #[cfg(feature = "signed")]
    super::signed::assert_survives(&longest);
    let size = MOST_NAME_AND_VALUE + 1;
    assert_eq!(of_length(size), Err(TokenError::Oversized { size, limit: MOST_NAME_AND_VALUE }));
}

#[test]
fn the_longest_text_is_looked_at_and_a_longer_one_is_not() {
    for (length, part) in [(frame::MOST, "checksum"), (frame::MOST + 1, "8193 bytes")] {
        let start = format!("redsync1.{}.", length - "redsync1.8179.".len());
        assert_refused(&(start.clone() + &"x".repeat(length - start.len())), part);
    }
}

#[test]
fn a_token_without_what_it_has_to_say_is_not_made() {
    let empty = || Value::new("");
    for parts in [
        Parts { name: "".into(), ..parts() },
        Parts { value: empty(), ..parts() },
        Parts { nodes: 0, ..parts() },
    ] {
        assert!(matches!(LockToken::new(parts), Err(TokenError::Damaged(_))));
    }
}

#[test]
fn debug_shows_all_but_the_value() {
    let text = format!("{:?}", token().with_trace_context("00-aa-bb-01"));
    assert_eq!(
        text,
        "LockToken { name: \"report:7\", fence: Some(42), ttl: 8s, expires_ms: 1767225600000, nodes: 3, \
         trace_context: Some(\"00-aa-bb-01\"), .. }"
    );
    assert!(!format!("{:#?} {:?}", token(), token().parts()).contains(VALUE));
}

/// A whole text with this field instead of the one with the same tag, or beside the others.
fn with(tag: u8, content: &[u8]) -> String {
    let mut fields = fields();
    fields.retain(|(other, _)| *other != tag);
    fields.push((tag, content));
    fields.sort_by_key(|(tag, _)| *tag);
    of_fields(&fields)
}

fn assert_refused(text: &str, part: &str) {
    let error = LockToken::from_compact(text).unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(told.contains(part), "{text:?}: {told}");
    assert!(!told.contains(VALUE) && (text.is_empty() || !told.contains(text)), "{told}");
}
