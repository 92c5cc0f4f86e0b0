//! Adoptions whose requests or replies come late: somebody gets the lock, and a token that was made good again stays so.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use common::{
    NAME, Quorum,
    link::{HALF_WAY, Link, Mode, all, process, soon, warm, warm_process},
    ms,
};
use futures_util::future::join;
use redsync_core::{Delay, ErrorKind, LockToken, Redsync, Runtime};

#[test]
fn two_whose_replies_are_lost_are_not_both_sent_away() {
    for mode in [Mode::Up, Mode::Deaf] {
        let quorum = Quorum::of(3);
        let ((first, a), (second, b)) = (process(&quorum), process(&quorum));
        warm(&quorum, &first);
        let token = quorum.handed_over();
        // One node has come back empty.
        quorum.nodes[2].wipe();
        // Each has a node, and misses the reply of it once. The ways to the other node are longer.
        a[0].set(mode);
        b[1].set(mode);
        a[1].set(Mode::Slow);
        b[0].set(Mode::Slow);
        let adopted = adopt_at_once(&quorum, &token, [&first, &second], &[a, b].concat());
        assert!(adopted.iter().any(Result::is_ok), "{mode:?}: {adopted:?}");
    }
}

#[test]
fn two_who_have_two_of_four_nodes_each_without_knowing_are_not_both_sent_away() {
    for mode in [Mode::Up, Mode::Deaf] {
        let quorum = Quorum::of(4);
        let ((first, a), (second, b)) = (process(&quorum), process(&quorum));
        warm(&quorum, &first);
        let token = quorum.handed_over();
        all(&a[..2], mode);
        all(&b[2..], mode);
        all(&a[2..], Mode::Slow);
        all(&b[..2], Mode::Slow);
        let adopted = adopt_at_once(&quorum, &token, [&first, &second], &[a, b].concat());
        assert!(adopted.iter().any(Result::is_ok), "{mode:?}: {adopted:?}");
    }
}

#[test]
fn an_adoption_whose_first_round_is_answered_after_the_release_leaves_a_token_that_was_made_good_again() {
    for mode in [Mode::SlowReply(ms(2000)), Mode::SlowBreak(ms(2000))] {
        let quorum = Quorum::of(3);
        let (first, links) = warm_process(&quorum);
        let token = quorum.handed_over();
        all(&links, mode);
        soon(&quorum, ms(1), &links, Mode::Up);
        let guard = quorum.block_on(first.adopt(&token)).expect("by the second round");
        quorum.run_for(ms(500));
        quorum.block_on(guard.release()).expect("up");
        assert_eq!(quorum.keys_left(), 0, "released");
        quorum.make_good_again(&token);
        quorum.run_for(ms(4000));
        assert!(quorum.all_hold(token.value()), "{mode:?}: {:?}", quorum.values());
    }
}

#[test]
fn the_end_of_an_adoption_in_two_rounds_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let ((first, a), (second, b)) = (process(&quorum), process(&quorum));
    warm(&quorum, &first);
    let token = quorum.handed_over();
    // Another delivery gets hold of one node only, and gives up.
    let other = second.mutex(NAME).tries(1);
    all(&b[..2], Mode::Cut);
    b[2].set(Mode::SlowReply(ms(20)));
    let mutex = first.mutex(NAME).tries(8).retry_delay(Delay::Between(ms(30), ms(31)));
    all(&a[..2], Mode::Deaf);
    let (_given_up, guard) = quorum.block_on(join(other.adopt(&token), async {
        quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(2))).await;
        soon(&quorum, HALF_WAY, &a[..2], Mode::SlowReply(ms(3000)));
        soon(&quorum, ms(1) + HALF_WAY, &a, Mode::Up);
        mutex.adopt(&token).await
    }));
    let guard = guard.expect("adopted");
    quorum.run_for(ms(50));
    drop(guard);
    quorum.run_for(ms(200));
    assert_eq!(quorum.keys_left(), 0, "released");
    quorum.make_good_again(&token);
    quorum.assert_waits(&token);
    quorum.run_for(ms(6000));
    let values = quorum.values();
    let again = quorum.block_on(quorum.redsync.adopt(&token)).map(drop).map_err(|error| error.kind());
    assert!(again.is_ok(), "{again:?}: {values:?}");
}

/// Two adopt the token at once, and 5 ms later these ways are up. Returns what became of each.
fn adopt_at_once(
    quorum: &Quorum,
    token: &LockToken,
    processes: [&Redsync; 2],
    links: &[Link],
) -> [Result<(), ErrorKind>; 2] {
    let worker = |redsync: &Redsync| redsync.mutex(NAME).tries(8).retry_delay(Delay::Between(ms(1), ms(20)));
    let [one, other] = processes.map(worker);
    soon(quorum, ms(5), links, Mode::Up);
    let (x, y) = quorum.block_on(join(one.adopt(token), other.adopt(token)));
    [x, y].map(|adopted| adopted.map(drop).map_err(|error| error.kind()))
}
