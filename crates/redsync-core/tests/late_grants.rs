//! Grants that are heard of after the lock was given back: what they set is removed, and asked for once where the release has
//! removed it.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use std::time::Duration;

use common::{Quorum, ms};
use redsync_core::{Delivery, Mutex, Released};
use redsync_testkit::memory::{Loss, MemoryNode};

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

#[test]
fn what_is_set_is_deleted_where_the_answer_of_the_release_is_lost() {
    for loss in [Loss::Broken, Loss::Silent] {
        let quorum = Quorum::of(5);
        late(&quorum).delay_requests(ms(5));
        lock_and_release(&quorum, &quorum.mutex(), |late| {
            late.delay_requests(Duration::ZERO);
            late.lose_replies(loss);
        });
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
