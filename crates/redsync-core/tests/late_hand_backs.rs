//! Hand-backs that come late, fail or are dropped: rivals keep their locks, nothing stays behind, and nobody waits for it.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use common::{
    FIXED, NAME, Quorum, TTL, WAIT,
    link::{HALF_WAY, Link, Mode, adopted, all, fill_in_vain, process, soon, taken_anew, warm_process},
    ms,
};
use redsync_core::{Delay, ErrorKind, Guard, LockToken, Redsync, Runtime};
use redsync_testkit::cancel::drop_after;

/// What was asked for without a word is not asked for again in the background.
#[test]
fn a_hand_back_of_a_fixed_value_does_not_touch_a_rivals_lock() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = taken_anew_with_a_fixed_value(&quorum);
    links[2].set(Mode::Deaf);
    soon(&quorum, HALF_WAY, &links[2..], Mode::Cut);
    quorum.block_on(guard.hand_back(&token)).expect("two of three");
    quorum.assert_waits(&token);
    quorum.use_up(&token);
    quorum.settle();
    let rival = quorum.block_on(quorum.mutex().with_value(FIXED).lock()).expect("free");
    links[2].set(Mode::Up);
    quorum.run_for(ms(2000));
    assert!(rival.is_valid());
    assert!(quorum.all_hold(FIXED), "{:?}", quorum.values());
}

/// Nor by a second round.
#[test]
fn a_second_round_of_a_hand_back_of_a_fixed_value_makes_no_two_holders() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = taken_anew_with_a_fixed_value(&quorum);
    all(&links, Mode::Deaf);
    soon(&quorum, HALF_WAY, &links, Mode::Slow);
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("no reply");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    error.into_guard().leave();
    quorum.assert_waits(&token);
    quorum.use_up(&token);
    quorum.settle();
    let rival = quorum.block_on(quorum.mutex().with_value(FIXED).lock()).expect("free");
    all(&links, Mode::Up);
    quorum.run_for(ms(100));
    let again = quorum.block_on(quorum.other_process().adopt(&token));
    assert!(!(rival.is_valid() && again.as_ref().is_ok_and(|guard| guard.is_valid())), "two valid guards");
}

#[test]
fn a_hand_back_of_a_fixed_value_goes_in_one_request() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = taken_anew_with_a_fixed_value(&quorum);
    quorum.nodes.iter().for_each(|node| node.flush_scripts());
    let before = links[0].sent();
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    assert_eq!(links[0].sent() - before, 1);
}

#[test]
fn a_failed_hand_back_of_a_fixed_value_does_not_block_the_lock_for_the_wait() {
    let quorum = Quorum::of(4);
    let token = quorum.expired_token();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).with_value(FIXED).lock()).expect("free");
    all(&links[2..], Mode::Cut);
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("two of four");
    all(&links, Mode::Up);
    drop(error); // The guard is dropped, which releases it.
    quorum.run_for(TTL * 2);
    let left = (quorum.values(), quorum.nodes[0].ttl(NAME));
    let adopted = quorum.block_on(quorum.redsync.adopt(&token)).map(drop).map_err(|error| error.kind());
    let locked = quorum.block_on(quorum.mutex().tries(3).lock()).map(drop).map_err(|error| error.kind());
    assert!(adopted.is_ok() || locked.is_ok(), "adopt: {adopted:?}, lock: {locked:?}, left: {left:?}");
}

#[test]
fn a_hand_back_of_a_fixed_value_that_asks_nobody_does_not_blame_the_nodes() {
    let quorum = Quorum::of(3);
    let token = quorum.expired_token();
    let guard = quorum.block_on(quorum.mutex().with_value(FIXED).lock()).expect("free");
    quorum.run_for(ms(7700));
    assert!(guard.is_valid());
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
}

#[test]
fn a_hand_back_that_asks_nobody_again_does_not_count_tries() {
    let quorum = Quorum::of(3);
    let token = quorum.expired_token();
    let (first, links) = warm_process(&quorum);
    let mutex = first.mutex(NAME).with_value(FIXED).retry_delay(Delay::Between(ms(1000), ms(1001)));
    let guard = quorum.block_on(mutex.lock()).expect("free");
    let before = links[0].sent();
    all(&links, Mode::Deaf);
    let begun = quorum.runtime.now();
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("no reply");
    let (took, sent) = (quorum.runtime.now().since(begun), links[0].sent() - before);
    assert!(took < ms(1000), "{sent} request, {took:?}: {error}");
}

#[test]
fn what_is_handed_back_late_at_a_node_of_a_lock_taken_anew_does_not_stand_for_the_wait() {
    for exact in [false, true] {
        let quorum = Quorum::of(3);
        let token = quorum.expired_token();
        // The worker takes the lock anew, fails, and hands it back.
        let ((first, links), (second, others)) = (process(&quorum), process(&quorum));
        let mutex = if exact { first.mutex(NAME).with_value(FIXED) } else { first.mutex(NAME) };
        let guard = quorum.block_on(mutex.lock()).expect("free");
        quorum.run_for(ms(10));
        // One node is away for everybody, for less than a second.
        let away = [links[2].clone(), others[2].clone()];
        all(&away, Mode::Cut);
        quorum.block_on(guard.hand_back(&token)).expect("two of three");
        quorum.run_for(ms(350));
        let guard = quorum.block_on(second.adopt(&token)).expect("good");
        quorum.block_on(guard.release()).expect("reachable");
        quorum.run_for(ms(550));
        all(&away, Mode::Up);
        quorum.run_for(TTL * 3);
        assert_eq!(quorum.values(), [None, None, None], "{exact}, for {:?}", quorum.nodes[2].ttl(NAME));
    }
}

#[test]
fn what_was_lengthened_in_vain_goes_also_after_a_hand_back() {
    for lengthened in [false, true] {
        let quorum = Quorum::of(3);
        let (first, links) = warm_process(&quorum);
        let token = quorum.handed_over();
        let mut guard = quorum.block_on(first.mutex(NAME).extend_tries(1).adopt(&token)).expect("good");
        if lengthened {
            all(&links, Mode::Deaf);
            guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("no reply").into_guard();
            all(&links, Mode::Up);
        }
        links[2].set(Mode::Cut);
        quorum.block_on(guard.hand_back(&token)).expect("two of three");
        quorum.run_for(ms(20_000));
        links[2].set(Mode::Up);
        quorum.use_up(&token);
        quorum.run_for(ms(60_000));
        assert_eq!(quorum.values(), [None, None, None], "{lengthened}, for {:?}", quorum.nodes[2].ttl(NAME));
    }
}

#[test]
fn a_hand_back_does_not_go_by_what_a_failed_hand_over_has_filled() {
    assert_hand_back_fails_after_filling(2, [1, 4]);
}

#[test]
fn a_hand_back_does_not_go_by_what_a_failed_hand_over_has_filled_whoever_answers_first() {
    assert_hand_back_fails_after_filling(1, [3, 4]);
}

#[test]
fn one_hung_node_does_not_keep_settled_waiting_after_a_dropped_hand_back() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted(&quorum);
    let first = guard.redsync();
    quorum.block_on(first.settled());
    links[2].set(Mode::Hung);
    let dropped = quorum.block_on(drop_after(1, guard.hand_back(&token)));
    assert!(dropped.is_none());
    assert_settles_within_two_ttls(&quorum, &first);
}

#[test]
fn a_failed_hand_back_does_not_keep_settled_waiting_for_the_wait() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted(&quorum);
    let first = guard.redsync();
    quorum.block_on(first.settled());
    all(&links, Mode::Hung);
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("hung");
    drop(error);
    assert_settles_within_two_ttls(&quorum, &first);
}

fn taken_anew_with_a_fixed_value(quorum: &Quorum) -> (LockToken, Vec<Link>, Guard) {
    let taken = taken_anew(quorum, |mutex| mutex.with_value(FIXED));
    quorum.run_for(ms(10));
    taken
}

fn assert_hand_back_fails_after_filling(filled: usize, cut: [usize; 2]) {
    let quorum = Quorum::of(5);
    let (token, links, guard) = taken_anew(&quorum, |mutex| mutex.extend_tries(1));
    quorum.run_for(ms(1000));
    let guard = fill_in_vain(&quorum, guard, &links, cut, filled).into_guard();
    assert!(guard.is_valid());
    all(&links, Mode::Up);
    let back = quorum.block_on(guard.hand_back(&token)).map_err(|error| error.kind());
    assert!(back.is_err(), "one of five has held it all the time: {:?}", quorum.values());
}

fn assert_settles_within_two_ttls(quorum: &Quorum, redsync: &Redsync) {
    let begun = quorum.runtime.now();
    quorum.block_on(redsync.settled());
    let took = quorum.runtime.now().since(begun);
    assert!(took < TTL * 2, "{took:?}");
}
