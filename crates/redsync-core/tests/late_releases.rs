//! Releases whose deletes or replies come late: a token that was made good again stays so, and what is said is true.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use std::time::Duration;

use common::{
    FIXED, NAME, Quorum, TTL, WAIT,
    link::{Mode, adopted, adopted_with, all, process, warm_process},
    ms,
};
use redsync_core::{ErrorKind, Released};

#[test]
fn a_release_that_comes_through_late_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted(&quorum);
    quorum.run_for(ms(3000));
    all(&links, Mode::Cut);
    assert!(guard.is_valid());
    drop(guard);
    quorum.run_for(ms(5500));
    assert_eq!(quorum.keys_left(), 0, "the TTL is over");
    // The next worker finds that the token has expired, takes the lock anew, fails, and hands it back.
    let error = quorum.block_on(quorum.redsync.adopt(&token)).expect_err("expired");
    assert_eq!(error.kind(), ErrorKind::Expired);
    quorum.make_good_again(&token);
    quorum.assert_waits(&token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    quorum.assert_waits(&token);
}

#[test]
fn a_release_whose_replies_were_lost_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted(&quorum);
    quorum.run_for(ms(1000));
    all(&links, Mode::Deaf);
    drop(guard);
    quorum.run_for(ms(2));
    assert_eq!(quorum.keys_left(), 0, "released");
    all(&links, Mode::Cut);
    let error = quorum.block_on(quorum.redsync.adopt(&token)).expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::Expired);
    quorum.make_good_again(&token);
    quorum.assert_waits(&token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    quorum.assert_waits(&token);
}

#[test]
fn a_release_does_not_send_the_script_with_the_tokens_value_after_the_validity() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted(&quorum);
    quorum.run_for(ms(3000));
    all(&links, Mode::SlowReply(ms(7000)));
    drop(guard);
    quorum.run_for(ms(1));
    all(&links, Mode::Up);
    quorum.run_for(ms(5500));
    assert_eq!(quorum.keys_left(), 0, "the TTL is over");
    quorum.make_good_again(&token);
    quorum.assert_waits(&token);
    quorum.run_for(ms(5000));
    quorum.assert_waits(&token);
}

#[test]
fn a_second_release_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_with(&quorum, |mutex| mutex.release_tries(1));
    all(&links, Mode::Deaf);
    let error = quorum.block_on(guard.release()).expect_err("no reply");
    all(&links, Mode::Cut);
    drop(error); // The guard is dropped, which releases it.
    quorum.make_good_again(&token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    quorum.assert_waits(&token);
}

#[test]
fn a_first_delete_that_comes_after_a_second_release_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let (first, links) = warm_process(&quorum);
    let token = quorum.handed_over();
    let guard = quorum.block_on(first.mutex(NAME).release_tries(1).adopt(&token)).expect("good");
    quorum.run_for(ms(500));
    all(&links, Mode::Late(ms(2000)));
    let guard = quorum.block_on(guard.release()).expect_err("no reply in time").into_guard();
    all(&links, Mode::Up);
    quorum.block_on(guard.release()).expect("up");
    assert_eq!(quorum.keys_left(), 0, "released");
    quorum.make_good_again(&token);
    quorum.assert_waits(&token);
    quorum.run_for(ms(4000));
    quorum.assert_waits(&token);
}

#[test]
fn a_release_after_a_failed_hand_over_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_with(&quorum, |mutex| mutex.extend_tries(1));
    quorum.run_for(ms(3000));
    all(&links, Mode::Hung);
    let guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("hung").into_guard();
    assert!(guard.is_valid());
    drop(guard);
    all(&links, Mode::Cut);
    quorum.run_for(ms(6000));
    quorum.make_good_again(&token);
    quorum.run_for(Duration::from_secs(300));
    quorum.assert_waits(&token);
    all(&links, Mode::Up);
    quorum.run_for(Duration::from_secs(60));
    quorum.assert_waits(&token);
}

/// The release goes on, and would take the token with it.
#[test]
fn a_guard_whose_release_has_failed_does_not_go_back() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_with(&quorum, |mutex| mutex.release_tries(1));
    all(&links, Mode::Cut);
    let guard = quorum.block_on(guard.release()).expect_err("down").into_guard();
    all(&links, Mode::Up);
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("a release is under way");
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    quorum.run_for(ms(3000));
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn a_release_after_a_failed_hand_back_of_a_fixed_value_takes_the_tokens_value_along() {
    let quorum = Quorum::of(3);
    let token = quorum.expired_token();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).with_value(FIXED).lock()).expect("free");
    all(&links[1..], Mode::Cut);
    let guard = quorum.block_on(guard.hand_back(&token)).expect_err("one of three").into_guard();
    all(&links, Mode::Up);
    let released = quorum.block_on(guard.release()).map_err(|error| error.kind());
    quorum.run_for(TTL * 2);
    assert_eq!(quorum.values(), [None, None, None], "{released:?}, for {:?}", quorum.nodes[0].ttl(NAME));
}

#[test]
fn a_release_after_a_hand_back_without_a_word_does_not_say_that_the_validity_is_over() {
    let quorum = Quorum::of(3);
    let token = quorum.expired_token();
    let (first, links) = warm_process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).with_value(FIXED).release_tries(1).lock()).expect("free");
    all(&links, Mode::Deaf);
    let guard = quorum.block_on(guard.hand_back(&token)).expect_err("no reply").into_guard();
    all(&links, Mode::Up);
    let released = quorum.block_on(guard.release()).expect("nothing to do");
    assert_ne!(released, Released::Expired, "7.9 s of 8 are left, {:?}", quorum.values());
}
