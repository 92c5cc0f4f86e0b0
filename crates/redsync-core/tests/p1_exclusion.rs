//! P1: while a guard says that it is valid, nobody else holds a valid guard of the same name.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use common::{NAME, Quorum, TTL, ms};
use redsync_core::{ErrorKind, Released, Runtime};
use redsync_testkit::memory::Loss;

#[test]
fn validity_runs_from_the_sending_and_is_short_of_the_ttl_by_drift_and_two_milliseconds() {
    let quorum = Quorum::of(3);
    quorum.nodes.iter().for_each(|node| node.delay_replies(ms(100)));
    let guard = quorum.block_on(quorum.mutex().ttl(TTL).lock()).expect("free");
    assert_eq!(guard.valid_for(), ms(8000 - 80 - 2 - 100), "100 ms had passed when the replies came");
    let wall = guard.valid_until().duration_since(quorum.runtime.wall_clock()).expect("in the future");
    assert_eq!(wall, guard.valid_for());
    quorum.runtime.advance(guard.valid_for() - ms(1));
    assert!(guard.is_valid());
    quorum.runtime.advance(ms(1));
    assert!(!guard.is_valid());
    guard.leave();
}

#[test]
fn a_second_holder_is_refused_until_the_first_has_released_or_expired() {
    for nodes in [1, 2, 3, 5] {
        let quorum = Quorum::of(nodes);
        let rival = quorum.other_process().mutex(NAME);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        let error = quorum.block_on(rival.try_lock()).expect_err("held");
        assert_eq!(error.kind(), ErrorKind::Taken, "{nodes} nodes");
        quorum.block_on(guard.release()).expect("all nodes answer");
        let guard = quorum.block_on(rival.try_lock()).expect("released");
        quorum.run_for(TTL);
        assert!(!guard.is_valid());
        let other = quorum.block_on(quorum.mutex().try_lock()).expect("expired");
        guard.leave();
        assert!(other.is_valid());
    }
}

#[test]
fn an_extension_needs_a_quorum_of_all_nodes_and_not_of_those_that_granted() {
    for exact in [false, true] {
        let quorum = Quorum::of(5);
        quorum.nodes[3].set(NAME, "a rival's", Some(TTL));
        quorum.nodes[4].set(NAME, "a rival's", Some(TTL));
        let mutex = if exact { quorum.mutex().with_value("v") } else { quorum.mutex() };
        let guard = quorum.block_on(mutex.lock()).expect("three of five");
        quorum.nodes[2].stop();
        let error = quorum.block_on(guard.extend()).expect_err("two of the three that granted are no quorum");
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(guard.is_valid(), "it is held for as long as it was");
        quorum.nodes[2].start();
        quorum.block_on(guard.extend()).expect("three of five again");
        assert_eq!(guard.valid_for(), ms(8000 - 80 - 2 - 1));
        guard.leave();
    }
}

#[test]
fn a_guard_whose_release_failed_is_not_valid() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.settle();
    quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Broken));
    let error = quorum.block_on(guard.release()).expect_err("no reply");
    quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Never));
    let guard = error.into_guard();
    let rival = quorum.block_on(quorum.other_process().mutex(NAME).try_lock()).expect("it was released");
    assert!(rival.is_valid() && !guard.is_valid());
    let error = quorum.block_on(guard.extend()).expect_err("given back");
    assert_eq!(error.kind(), ErrorKind::Expired);
    rival.leave();
}

#[test]
fn an_extension_that_is_overtaken_by_another_is_not_taken_for_the_end() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().ttl(ms(1000)).node_timeout(ms(200)).lock()).expect("free");
    quorum.settle();
    quorum.run_for(ms(900));
    quorum.nodes.iter().for_each(|node| node.delay_replies(ms(60)));
    let second = async {
        quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(55))).await;
        guard.extend().await
    };
    let (first, second) = quorum.block_on(futures_util::future::join(guard.extend(), second));
    first.expect("in time");
    second.expect("the first has made it valid for longer");
    assert!(guard.is_valid());
    guard.leave();
}

#[test]
fn a_lock_that_was_found_lost_is_not_revived_by_a_late_success() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.settle();
    quorum.nodes.iter().for_each(|node| node.delay_replies(ms(50)));
    let second = async {
        quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(5))).await;
        for node in &quorum.nodes {
            node.execute(&["DEL", NAME]).expect("a plain delete");
            node.delay_replies(ms(1));
        }
        guard.extend().await
    };
    let (first, second) = quorum.block_on(futures_util::future::join(guard.extend(), second));
    assert_eq!(second.expect_err("deleted").kind(), ErrorKind::Lost);
    assert_eq!(first.expect_err("lost since").kind(), ErrorKind::Lost, "though it was executed before");
    assert!(!guard.is_valid());
    guard.leave();
}

#[test]
fn a_guard_whose_validity_has_ended_is_lost_for_good() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().revive_on_extend(true).lock()).expect("free");
    quorum.settle();
    quorum.runtime.advance(guard.valid_for());
    quorum.nodes.iter().for_each(|node| node.forget_calls());
    let error = quorum.block_on(guard.extend()).expect_err("over");
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(quorum.nodes.iter().all(|node| node.calls().is_empty()), "nothing was sent");
    assert!(!guard.is_valid());
    guard.leave();
}

#[test]
fn keys_that_are_revived_after_the_validity_do_not_count() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().ttl(ms(1000)).revive_on_extend(true).lock()).expect("free");
    quorum.settle();
    quorum.runtime.advance(guard.valid_for() - ms(5));
    quorum.nodes.iter().for_each(|node| node.delay_replies(ms(10)));
    let error = quorum.block_on(guard.extend()).expect_err("the replies come after the end");
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(!guard.is_valid());
    guard.leave();
}

#[test]
fn a_guard_that_finds_itself_lost_says_so_at_once() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.nodes[0].wipe();
    quorum.nodes[1].set(NAME, "a rival's", Some(TTL));
    let error = quorum.block_on(guard.extend()).expect_err("one of three is left");
    assert_eq!(error.kind(), ErrorKind::Lost);
    assert!(!guard.is_valid(), "although its time is not over");
    guard.leave();
}

#[test]
fn extending_never_shortens() {
    let quorum = Quorum::of(1);
    let long = quorum.mutex().ttl(TTL * 10).with_value("v");
    let guard = quorum.block_on(long.lock()).expect("free");
    quorum.block_on(quorum.mutex().ttl(TTL).with_value("v").extend()).expect("held");
    assert!(quorum.nodes[0].ttl(NAME).expect("held") > TTL * 9);
    let error = quorum.block_on(quorum.mutex().with_value("another").extend()).expect_err("not this value");
    assert_eq!(error.kind(), ErrorKind::Lost);
    assert!(guard.is_valid());
    guard.leave();
}

#[test]
fn a_client_that_sends_twice_does_not_refuse_itself() {
    let repeating = |node: redsync_testkit::memory::MemoryNode| {
        node.repeat_requests(true);
        node.delivering(redsync_core::Delivery::MayRepeat)
    };
    let quorum = Quorum::build(3, repeating);
    let guard = quorum.block_on(quorum.mutex().try_lock()).expect("a second SET finds our own value");
    let released = quorum.block_on(guard.release()).expect("all nodes answer");
    assert_eq!(released, Released::Unclear, "the second delete finds nothing");
    let error = quorum.block_on(quorum.mutex().with_value("v").try_lock()).expect_err("it may be a rival's");
    assert_eq!(error.kind(), ErrorKind::HeldUnderThisValue);
}
