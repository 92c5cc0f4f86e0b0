//! No single edit of a token's text gives a token, whichever character it hits.

use super::token;
use crate::{LockToken, TokenError};

/// Characters of every kind: those of a text, and those that come into one on its way.
const FOREIGN: &str = "019afzAGZ-_.=+/ \n\u{0}\u{e9}\u{1f512}";

#[test]
fn a_changed_character_is_found() {
    for_each_place(|text, at| {
        FOREIGN.chars().filter(|new| *new != text[at]).for_each(|new| {
            let mut changed = text.to_vec();
            changed[at] = new;
            assert_refused(&changed);
        });
    });
}

#[test]
fn a_dropped_a_doubled_and_an_added_character_is_found() {
    for_each_place(|text, at| {
        let mut dropped = text.to_vec();
        dropped.remove(at);
        assert_refused(&dropped);
        let mut doubled = text.to_vec();
        doubled.insert(at, text[at]);
        assert_refused(&doubled);
        FOREIGN.chars().for_each(|new| {
            let mut added = text.to_vec();
            added.insert(at, new);
            assert_refused(&added);
        });
    });
}

#[test]
fn two_swapped_characters_are_found_wherever_they_stand() {
    for_each_place(|text, at| {
        (at + 1..text.len()).filter(|other| text[*other] != text[at]).for_each(|other| {
            let mut swapped = text.to_vec();
            swapped.swap(at, other);
            assert_refused(&swapped);
        });
    });
}

#[test]
fn a_beginning_is_cut_off_and_an_end_is_no_token() {
    for text in texts() {
        for at in 0..text.len() {
            assert_eq!(read(&text[..at]), Err(TokenError::Truncated), "{at}");
        }
        for at in 1..text.len() {
            assert!(matches!(read(&text[at..]), Err(TokenError::Damaged(_))), "{at}");
        }
    }
}

fn for_each_place(edit: impl Fn(&[char], usize)) {
    for text in texts() {
        let text: Vec<char> = text.chars().collect();
        (0..text.len()).for_each(|at| edit(&text, at));
    }
}

fn assert_refused(text: &[char]) {
    let text = String::from_iter(text);
    assert!(read(&text).is_err(), "{text}");
}

#[cfg(not(feature = "signed"))]
fn texts() -> [String; 1] {
    [token().to_compact()]
}

#[cfg(feature = "signed")]
fn texts() -> [String; 2] {
    [token().to_compact(), token().to_signed(&super::signed::key("a"))]
}

/// What becomes of a text with a reader that takes both forms, as none should.
fn read(text: &str) -> Result<LockToken, TokenError> {
    match LockToken::from_compact(text) {
        #[cfg(feature = "signed")]
        Err(TokenError::Signed) => LockToken::from_signed(text, &super::signed::keys(["a"])),
        read => read,
    }
}
