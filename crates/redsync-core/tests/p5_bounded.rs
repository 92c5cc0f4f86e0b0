//! P5: every call returns by its deadline, and one hung node costs nothing while a quorum answers.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::time::Duration;

use std::future::Future as _;

use common::{NAME, Quorum, TTL, ms};
use redsync_core::{ErrorKind, Released, Runtime};
use redsync_testkit::memory::Loss;

#[test]
fn hung_nodes_cost_nothing_while_a_quorum_answers() {
    for hung in 0..=2 {
        let quorum = Quorum::of(5);
        quorum.nodes.iter().take(hung).for_each(|node| node.pause());
        let start = quorum.runtime.now();
        let guard = quorum.block_on(quorum.mutex().lock()).expect("a quorum answers");
        quorum.block_on(guard.extend()).expect("a quorum answers");
        assert_eq!(quorum.block_on(guard.release()).expect("a quorum answers"), Released::Held);
        assert_eq!(quorum.runtime.now().since(start), ms(3), "three round trips, with {hung} hung");
    }
}

#[test]
fn without_a_quorum_calls_end_by_tries_or_deadline() {
    const TIMEOUT: Duration = Duration::from_millis(400);
    let cases: [(u32, Option<Duration>, Duration, bool); 4] = [
        (1, None, TIMEOUT, false),
        (3, None, ms(3 * 400 + 2 * 10), false),
        (u32::MAX, Some(ms(1000)), ms(1000), true),
        (3, Some(ms(100)), ms(100), true),
    ];
    for (tries, deadline, expected, by_deadline) in cases {
        let quorum = Quorum::of(5);
        let mutex = quorum.mutex().tries(tries).retry_delay(ms(10)).extend_tries(tries).release_tries(tries);
        let mutex = match deadline {
            Some(deadline) => mutex.deadline(deadline),
            None => mutex,
        };
        let guard = quorum.block_on(mutex.clone().ttl(TTL).lock()).expect("free");
        quorum.settle();
        quorum.nodes.iter().take(3).for_each(|node| node.pause());
        let start = quorum.runtime.now();
        let error = quorum.block_on(guard.extend()).expect_err("hung");
        assert_eq!(quorum.runtime.now().since(start), expected, "extend, {tries} tries");
        assert_eq!((error.kind(), error.deadline_exceeded()), (ErrorKind::Unreachable, by_deadline));
        let start = quorum.runtime.now();
        let error = quorum.block_on(guard.release()).expect_err("hung");
        assert_eq!(error.error().deadline_exceeded(), by_deadline);
        assert_eq!(quorum.runtime.now().since(start), expected, "release, {tries} tries");
        error.into_guard().leave();
        let start = quorum.runtime.now();
        let error = quorum.block_on(
            quorum
                .redsync
                .mutex("other")
                .tries(tries)
                .retry_delay(ms(10))
                .deadline(deadline.unwrap_or(TTL))
                .lock(),
        );
        let error = error.expect_err("hung");
        assert_eq!((error.kind(), error.deadline_exceeded()), (ErrorKind::Unreachable, by_deadline));
        assert_eq!(quorum.runtime.now().since(start), expected, "lock, {tries} tries");
    }
}

#[test]
fn a_deadline_rules_while_the_lock_is_taken() {
    let quorum = Quorum::of(3);
    quorum.nodes.iter().for_each(|node| node.set(NAME, "a rival's", Some(TTL)));
    let start = quorum.runtime.now();
    let error = quorum.block_on(quorum.mutex().deadline(ms(1000)).lock()).expect_err("taken");
    assert!(quorum.runtime.now().since(start) <= ms(1000));
    assert_eq!((error.kind(), error.deadline_exceeded()), (ErrorKind::Taken, true));
}

#[test]
fn waiting_for_all_waits_for_the_slowest_but_not_for_ever() {
    let quorum = Quorum::of(3);
    quorum.nodes[2].delay_replies(ms(50));
    let start = quorum.runtime.now();
    let guard = quorum.block_on(quorum.mutex().wait_for_all(true).lock()).expect("free");
    assert_eq!(quorum.runtime.now().since(start), ms(50));
    quorum.block_on(guard.release()).expect("reachable");
    quorum.settle();
    quorum.nodes[2].pause();
    let start = quorum.runtime.now();
    let guard = quorum.block_on(quorum.mutex().wait_for_all(true).lock()).expect("two of three");
    assert_eq!(quorum.runtime.now().since(start), ms(400), "the node time-out");
    guard.leave();
}

#[test]
fn what_goes_on_in_the_background_ends_with_the_ttl() {
    let quorum = Quorum::of(3);
    quorum.nodes.iter().for_each(|node| node.pause());
    quorum.block_on(quorum.mutex().try_lock()).expect_err("hung");
    let start = quorum.runtime.now();
    quorum.settle();
    assert_eq!(quorum.runtime.now().since(start), TTL);
    assert_eq!(quorum.runtime.tasks_alive(), 0);
}

#[test]
fn a_delay_function_may_ask_the_guard_that_is_being_extended() {
    use std::sync::{Arc, OnceLock};

    let quorum = Quorum::of(3);
    let asked: Arc<OnceLock<redsync_core::Guard>> = Arc::default();
    let guard = Arc::clone(&asked);
    let delay = redsync_core::Delay::by(move |_| guard.get().map_or(ms(1), |guard| guard.valid_for() / 10));
    let held = quorum.block_on(quorum.mutex().retry_delay(delay).lock()).expect("free");
    quorum.settle();
    let held = asked.get_or_init(|| held);
    quorum.nodes.iter().for_each(|node| node.stop());
    let error = quorum.block_on(held.extend()).expect_err("nobody there");
    assert_eq!(error.tries(), 3);
}

#[test]
fn a_call_whose_tries_fail_at_once_gives_way_to_others() {
    let quorum = Quorum::of(3);
    quorum.nodes.iter().for_each(|node| node.stop());
    let mutex = quorum.mutex().tries(1000).retry_delay(ms(0));
    let polls = std::cell::Cell::new(0);
    let mut lock = std::pin::pin!(mutex.lock());
    let counted = std::future::poll_fn(|cx| {
        polls.set(polls.get() + 1);
        lock.as_mut().poll(cx)
    });
    let error = quorum.block_on(counted).expect_err("nobody there");
    assert_eq!((error.kind(), error.tries()), (ErrorKind::Unreachable, 1000));
    assert!(polls.get() > 10, "{} polls", polls.get());
}

#[test]
fn a_fixed_value_can_be_used_again_once_a_release_that_failed_was_repeated() {
    let quorum = Quorum::of(3);
    let mutex = quorum.mutex().with_value("job-7").release_tries(1);
    let guard = quorum.block_on(mutex.lock()).expect("free");
    quorum.nodes.iter().for_each(|node| node.stop());
    let error = quorum.block_on(guard.release()).expect_err("nobody was there");
    quorum.nodes.iter().for_each(|node| node.start());
    assert_eq!(quorum.block_on(error.into_guard().release()).expect("reachable"), Released::Held);
    quorum.block_on(mutex.try_lock()).expect("the value is free, and nothing about it is on its way").leave();
}

#[test]
fn an_extension_that_begins_anew_has_no_more_time_than_one_that_does_not() {
    let quorum = Quorum::of(3);
    let deadline = ms(150);
    let guard = quorum.block_on(quorum.mutex().deadline(deadline).extend_tries(1).lock()).expect("free");
    quorum.settle();
    let all_requests = |loss| quorum.nodes.iter().for_each(|node| node.lose_requests(loss));
    quorum.run_for(guard.valid_for().saturating_sub(ms(100)));
    let begun = quorum.runtime.now();
    let wait = |duration| quorum.runtime.sleep_until(begun.plus(duration));
    all_requests(Loss::Silent);
    // It goes by the validity of before, which ends first.
    let early = guard.extend();
    let other = async {
        wait(ms(10)).await;
        all_requests(Loss::Never);
        guard.extend().await.expect("every node answers");
        all_requests(Loss::Silent);
    };
    let (error, ()) = quorum.block_on(futures_util::future::join(early, other));
    let error = error.expect_err("nobody answered");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(quorum.runtime.now().since(begun), deadline);
    assert!(guard.is_valid());
    guard.leave();
}
