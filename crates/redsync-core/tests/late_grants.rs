//! Grants that are heard of after the lock was given back: what they set is removed, and asked for once where the release has
//! removed it.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use std::time::Duration;

use common::{NAME, Quorum, TTL, ms};
use redsync_core::{Delivery, Mutex, Released, Runtime as _};
use redsync_testkit::memory::{ErrorReply, Loss, MemoryNode};

/// How long nodes have to answer here.
const NODE_TIMEOUT: Duration = ms(400);

/// The one that answers late, of five.
const LATE: usize = 4;

fn late(quorum: &Quorum) -> &MemoryNode {
    &quorum.nodes[LATE]
}

/// How often it was asked for anything.
fn requests(node: &MemoryNode) -> usize {
    node.calls().values().sum()
}

/// The lock is taken and released at once, `between` which something happens. By then nothing is left.
fn lock_and_release(quorum: &Quorum, mutex: &Mutex, between: impl FnOnce(&MemoryNode)) {
    quorum.nodes.iter().for_each(MemoryNode::forget_calls);
    let guard = quorum.block_on(mutex.lock()).expect("a quorum answers");
    between(late(quorum));
    assert_eq!(quorum.block_on(guard.release()).expect("a quorum answers"), Released::Held);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0, "{:?}", quorum.values());
}

#[test]
fn what_the_release_has_found_is_not_deleted_once_more() {
    let quorum = Quorum::of(5);
    late(&quorum).delay_replies(ms(5));
    lock_and_release(&quorum, &quorum.mutex(), |_| {});
    let requests: Vec<_> = quorum.nodes.iter().map(requests).collect();
    assert_eq!(requests, [2; 5], "one to take it and one to release it");
}

#[test]
fn what_is_set_after_the_release_has_come_by_is_deleted() {
    let quorum = Quorum::of(5);
    late(&quorum).delay_requests(ms(5));
    lock_and_release(&quorum, &quorum.mutex(), |late| late.delay_requests(Duration::ZERO));
    assert_eq!(requests(late(&quorum)), 3);
}

/// The node answers again by then. Where there is no time left to wait for the release, it is not waited for.
#[test]
fn what_is_set_does_not_stand_for_long_where_the_answer_of_the_release_is_lost() {
    let last_moment = TTL - ms(100);
    for (loss, way, stands) in [
        (Loss::Broken, ms(50), ms(20)),
        (Loss::Silent, ms(50), NODE_TIMEOUT + ms(20)),
        (Loss::Silent, last_moment, ms(20)),
    ] {
        let quorum = Quorum::of(5);
        late(&quorum).delay_requests(way);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("a quorum answers");
        late(&quorum).delay_requests(Duration::ZERO);
        late(&quorum).lose_replies(loss);
        quorum.block_on(guard.release()).expect("a quorum answers");
        quorum.run_for(ms(20));
        late(&quorum).lose_replies(Loss::Never);
        quorum.run_for(way - ms(20) + stands);
        assert_eq!(quorum.keys_left(), 0, "{loss:?} {way:?}");
    }
}

/// Two nodes have set it after the release. One is waited for, and the other rejects what is to delete it.
#[test]
fn what_is_set_is_deleted_again_soon_while_the_release_is_waited_for_elsewhere() {
    let quorum = Quorum::of(5);
    let rejecting = &quorum.nodes[3];
    rejecting.delay_requests(ms(60));
    late(&quorum).delay_requests(ms(50));
    let guard = quorum.block_on(quorum.mutex().node_timeout(ms(4000)).lock()).expect("a quorum answers");
    rejecting.delay_requests(Duration::ZERO);
    late(&quorum).delay_requests(Duration::ZERO);
    late(&quorum).lose_replies(Loss::Silent);
    quorum.block_on(guard.release()).expect("a quorum answers");
    quorum.run_for(ms(20));
    late(&quorum).lose_replies(Loss::Never);
    rejecting.refuse("EVALSHA", ErrorReply::new("LOADING", "not yet"));
    quorum.run_for(ms(45));
    rejecting.refuse_none();
    assert!(rejecting.get(NAME).is_some() && late(&quorum).get(NAME).is_some(), "both are late");
    quorum.run_for(ms(50));
    assert_eq!(rejecting.get(NAME), None);
}

#[test]
fn what_is_set_does_not_stand_for_long_where_the_first_of_two_releases_hangs() {
    let quorum = Quorum::of(3);
    let (early, late) = quorum.nodes.split_at(2);
    late[0].delay_requests(ms(500));
    let guard = quorum.block_on(quorum.mutex().release_tries(1).lock()).expect("a quorum answers");
    late[0].delay_requests(Duration::ZERO);
    late[0].lose_replies(Loss::Silent);
    early.iter().for_each(|node| node.lose_replies(Loss::Broken));
    let guard = quorum.block_on(guard.release()).expect_err("nobody answers").into_guard();
    quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Never));
    assert_eq!(quorum.block_on(guard.release()).expect("all answer"), Released::Unclear);
    quorum.run_for(ms(500) + NODE_TIMEOUT);
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn what_a_node_may_have_set_that_hangs_is_waited_for_a_ttl_from_the_release_on() {
    let quorum = Quorum::of(3);
    quorum.nodes[2].pause();
    for dropped in [false, true] {
        let guard = quorum.block_on(quorum.mutex().lock()).expect("a quorum answers");
        quorum.run_for(TTL - ms(1000));
        let begun = quorum.runtime.now();
        if dropped {
            drop(guard);
        } else {
            quorum.block_on(guard.release()).expect("a quorum answers");
        }
        quorum.settle();
        let took = quorum.runtime.now().since(begun);
        assert!(took <= TTL + ms(1), "{took:?}");
    }
}

#[test]
fn what_a_client_may_set_twice_is_deleted_whatever_the_release_has_found() {
    let quorum = Quorum::build(5, |node| node.delivering(Delivery::MayRepeat));
    late(&quorum).delay_replies(ms(5));
    lock_and_release(&quorum, &quorum.mutex(), |_| {});
    assert_eq!(requests(late(&quorum)), 3);
}

#[test]
fn what_was_set_anew_is_not_taken_for_what_comes_late() {
    let quorum = Quorum::of(5);
    late(&quorum).delay_requests(ms(50));
    let mutex = quorum.mutex().revive_on_extend(true);
    let guard = quorum.block_on(mutex.lock()).expect("a quorum answers");
    late(&quorum).delay_requests(Duration::ZERO);
    quorum.block_on(guard.extend()).expect("a quorum answers");
    quorum.run_for(ms(5));
    assert!(late(&quorum).get(guard.name()).is_some(), "set anew, before it was first set");
    assert_eq!(quorum.block_on(guard.release()).expect("a quorum answers"), Released::Held);
    quorum.run_for(ms(5));
    assert_eq!(quorum.keys_left(), 0);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0, "what was first asked for came last");
}
