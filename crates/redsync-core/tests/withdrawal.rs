//! Tokens that are withdrawn, by what was to carry them away.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use common::{
    NAME, Quorum, TTL, WAIT,
    link::{Mode, all, process},
    ms,
};
use redsync_core::{ErrorKind, Runtime};

#[test]
fn a_token_that_was_withdrawn_leaves_nothing() {
    let quorum = Quorum::of(3);
    quorum.redsync.withdraw(quorum.handed_over());
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn what_another_delivery_has_adopted_is_not_withdrawn() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let guard = quorum.adopt(&token);
    quorum.redsync.withdraw(token);
    quorum.settle();
    assert!(quorum.all_hold(guard.value()), "{:?}", quorum.values());
}

#[test]
fn a_shutdown_does_not_end_a_withdrawal() {
    let quorum = Quorum::of(3);
    let (first, links) = process(&quorum);
    let token = quorum.handed_over();
    all(&links, Mode::SlowReply(ms(20)));
    first.withdraw(token);
    quorum.run_for(ms(10));
    quorum.block_on(first.shutdown());
    assert_eq!(quorum.keys_left(), 0, "for {:?}", quorum.nodes[0].ttl(NAME));
}

#[test]
fn a_token_is_withdrawn_after_a_shutdown_too() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(quorum.redsync.shutdown());
    let redsync = guard.redsync();
    let token = quorum.block_on(guard.hand_over(WAIT)).expect("held guards stay held");
    let error = quorum.block_on(redsync.adopt(&token)).expect_err("shut down");
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    redsync.withdraw(token);
    quorum.block_on(redsync.settled());
    assert_eq!(quorum.keys_left(), 0, "for {:?}", quorum.nodes[0].ttl(NAME));
}

#[test]
fn a_withdrawal_from_hung_nodes_is_given_up_after_its_ttl_and_cleans_up_for_another() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    all(&links, Mode::Hung);
    let begun = quorum.runtime.now();
    first.withdraw(token);
    quorum.block_on(first.settled());
    let took = quorum.runtime.now().since(begun);
    assert!(took <= TTL * 2, "{took:?}");
}
