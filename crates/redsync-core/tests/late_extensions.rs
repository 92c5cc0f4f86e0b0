//! Extensions that are executed or answered late: they prove nothing, and a token that was made good again stays so.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use common::{
    NAME, Quorum, TTL, WAIT, delete_at,
    link::{Link, Mode, adopted_with, all, fill_in_vain, warm_process},
    ms,
};
use redsync_core::{ErrorKind, Guard, LockToken, Mutex, Released};

#[test]
fn an_extension_in_flight_does_not_go_by_what_a_failed_hand_over_has_filled() {
    let quorum = Quorum::of(5);
    let (first, links) = warm_process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).auto_extend(true).extend_tries(1).lock()).expect("free");
    quorum.run_for(ms(2600));
    // The renewal that is due now takes a slower way than what comes after it.
    all(&links, Mode::Late(ms(200)));
    quorum.run_for(ms(100));
    all(&links, Mode::Up);
    let error = fill_in_vain(&quorum, guard, &links, [1, 4], 2);
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let guard = error.into_guard();
    quorum.run_for(ms(300));
    all(&links, Mode::Up);
    quorum.run_for(TTL * 2);
    assert!(!guard.is_valid(), "one of five has held it all the time: valid for {:?}", guard.valid_for());
}

#[test]
fn an_extension_that_breaks_off_after_the_release_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_with(&quorum, reviving);
    all(&links, Mode::Hung);
    _ = quorum.block_on(guard.extend()).expect_err("hung");
    all(&links, Mode::Up);
    quorum.block_on(guard.release()).expect("up");
    all(&links, Mode::Cut);
    quorum.make_good_again(&token);
    quorum.assert_waits(&token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    quorum.assert_waits(&token);
}

#[test]
fn an_extension_that_was_executed_before_a_hand_back_does_not_end_the_token() {
    let quorum = Quorum::of(3);
    let (token, _links, guard) = set_anew_and_answered_late(&quorum);
    assert!(guard.is_valid());
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    quorum.assert_waits(&token);
    quorum.run_for(ms(3000));
    quorum.assert_waits(&token);
}

#[test]
fn what_sets_back_an_extension_leaves_a_token_that_others_have_made_good_again() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = set_anew_and_answered_late(&quorum);
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all(&links, Mode::Cut);
    // Another process works, for longer than the first one's validity, and hands back.
    let other = quorum.adopt(&token);
    quorum.run_for(ms(3000));
    quorum.block_on(other.extend()).expect("up");
    quorum.run_for(ms(4000));
    quorum.block_on(other.hand_back(&token)).expect("up");
    quorum.assert_waits(&token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    quorum.assert_waits(&token);
}

#[test]
fn an_extension_that_breaks_off_after_a_hand_back_in_vain_and_a_release_leaves_the_token() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_warm(&quorum);
    all(&links, Mode::SlowBreak(ms(3000)));
    _ = quorum.block_on(guard.extend()).expect_err("hung");
    let guard = handed_back_without_a_word(&quorum, guard, &token, &links);
    assert_release_leaves_the_token(&quorum, guard, &token);
}

#[test]
fn an_extension_that_is_answered_after_a_hand_back_in_vain_and_a_release_leaves_the_token() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_warm(&quorum);
    delete_at(&quorum.nodes);
    all(&links, Mode::SlowReply(ms(3000)));
    _ = quorum.block_on(guard.extend()).expect_err("no reply in time");
    let guard = handed_back_without_a_word(&quorum, guard, &token, &links);
    assert_release_leaves_the_token(&quorum, guard, &token);
}

#[test]
fn a_hand_over_that_breaks_off_after_a_hand_back_in_vain_and_a_release_leaves_the_token() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_warm(&quorum);
    quorum.run_for(ms(1000));
    all(&links, Mode::SlowBreak(ms(3000)));
    let guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("hung").into_guard();
    assert!(guard.is_valid());
    let guard = handed_back_without_a_word(&quorum, guard, &token, &links);
    assert_release_leaves_the_token(&quorum, guard, &token);
}

#[test]
fn what_removes_an_extension_leaves_what_another_delivery_hands_back() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_warm(&quorum);
    all(&links, Mode::SlowBreak(ms(1500)));
    _ = quorum.block_on(guard.extend()).expect_err("hung");
    let guard = handed_back_without_a_word(&quorum, guard, &token, &links);
    let other = quorum.adopt(&token);
    let released = quorum.block_on(guard.release()).expect("up");
    assert_eq!(released, Released::Unclear, "another has it");
    quorum.run_for(ms(3000));
    assert!(other.is_valid());
    quorum.block_on(other.hand_back(&token)).expect("up");
    quorum.assert_waits(&token);
    quorum.run_for(ms(6000));
    quorum.assert_waits(&token);
}

#[test]
fn an_extension_does_not_send_the_scripts_text_once_the_lock_was_released() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_with(&quorum, reviving);
    all(&links, Mode::SlowReply(ms(3000)));
    _ = quorum.block_on(guard.extend()).expect_err("no reply in time");
    all(&links, Mode::Up);
    assert_release_leaves_the_token(&quorum, guard, &token);
}

/// An adopted lock, by a process that has every script loaded.
fn adopted_warm(quorum: &Quorum) -> (LockToken, Vec<Link>, Guard) {
    let (redsync, links) = warm_process(quorum);
    let token = quorum.handed_over();
    let mutex = reviving(redsync.mutex(NAME)).release_tries(1);
    let guard = quorum.block_on(mutex.adopt(&token)).expect("good");
    quorum.block_on(guard.extend()).expect("up");
    (token, links, guard)
}

/// The token is good by that, and nobody knows.
fn handed_back_without_a_word(quorum: &Quorum, guard: Guard, token: &LockToken, links: &[Link]) -> Guard {
    all(links, Mode::Deaf);
    let guard = quorum.block_on(guard.hand_back(token)).expect_err("no reply").into_guard();
    all(links, Mode::Up);
    guard
}

/// The lock goes everywhere, then somebody makes the token good again, and that it stays.
#[track_caller]
fn assert_release_leaves_the_token(quorum: &Quorum, guard: Guard, token: &LockToken) {
    quorum.block_on(guard.release()).expect("up");
    quorum.run_for(ms(50));
    assert_eq!(quorum.keys_left(), 0, "released");
    quorum.make_good_again(token);
    quorum.assert_waits(token);
    quorum.run_for(ms(6000));
    quorum.assert_waits(token);
}

/// An adopted lock whose keys were lost, and set anew by an extension that was executed at once, but is answered late.
fn set_anew_and_answered_late(quorum: &Quorum) -> (LockToken, Vec<Link>, Guard) {
    let (token, links, guard) = adopted_with(quorum, reviving);
    quorum.run_for(ms(1000));
    quorum.block_on(guard.extend()).expect("good");
    delete_at(&quorum.nodes);
    all(&links, Mode::SlowReply(ms(1000)));
    let error = quorum.block_on(guard.extend()).expect_err("no reply in time");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    all(&links, Mode::Up);
    (token, links, guard)
}

fn reviving(mutex: Mutex) -> Mutex {
    mutex.revive_on_extend(true).extend_tries(1)
}
