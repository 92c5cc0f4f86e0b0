//! Hand-overs that come late, fail or are dropped: they leave nothing behind, and a token that was made good again stays so.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use std::time::Duration;

use common::{
    NAME, Quorum, TTL, WAIT, delete_at,
    link::{Mode, adopted, adopted_with, all, warm_process},
    ms,
};
use redsync_testkit::cancel::drop_after;

#[test]
fn a_hand_over_of_a_guard_that_has_expired_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted_with(&quorum, |mutex| mutex.extend_tries(1));
    quorum.run_for(ms(3000));
    all(&links, Mode::Hung);
    let guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("hung").into_guard();
    quorum.run_for(ms(6000));
    assert!(!guard.is_valid());
    drop(guard);
    quorum.run_for(ms(100));
    quorum.make_good_again(&token);
    quorum.assert_waits(&token);
    quorum.run_for(ms(60_000));
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    quorum.assert_waits(&token);
}

#[test]
fn a_dropped_hand_over_of_an_adopted_guard_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let (token, links, guard) = adopted(&quorum);
    quorum.run_for(ms(3000));
    all(&links, Mode::Hung);
    assert!(quorum.block_on(drop_after(1, guard.hand_over(WAIT))).is_none());
    quorum.run_for(ms(6000));
    quorum.make_good_again(&token);
    // A worker runs the job again, and hands the lock over to a job that follows: a chain.
    quorum.run_for(Duration::from_secs(120));
    all(&links, Mode::Up);
    quorum.run_for(Duration::from_secs(60));
    quorum.assert_waits(&token);
}

/// One node has lost the lock, and another is slow or loses replies.
#[test]
fn a_hand_over_or_a_hand_back_that_is_dropped_anywhere_leaves_nothing_behind() {
    for back in [false, true] {
        for polls in 0..40 {
            for mode in [Mode::Up, Mode::Late(ms(30)), Mode::SlowReply(ms(30)), Mode::Deaf] {
                let quorum = Quorum::build(3, |node| {
                    node.extra_polls(2);
                    node
                });
                let (token, links, guard) = adopted(&quorum);
                delete_at(&quorum.nodes[1..2]);
                links[2].set(mode);
                let done = if back {
                    quorum.block_on(drop_after(polls, guard.hand_back(&token))).map(drop)
                } else {
                    quorum.block_on(drop_after(polls, guard.hand_over(WAIT))).map(drop)
                };
                if done.is_some() {
                    continue;
                }
                links[2].set(Mode::Up);
                quorum.run_for(TTL * 2);
                assert_eq!(quorum.keys_left(), 0, "{back} {polls} {mode:?} {:?}", quorum.values());
            }
        }
    }
}

#[test]
fn a_hand_over_that_was_dropped_does_not_flood_a_node_that_stays_away() {
    let count = |dropped: bool| {
        let quorum = Quorum::of(3);
        let (first, links) = warm_process(&quorum);
        let guard = quorum.block_on(first.mutex(NAME).lock()).expect("free");
        let wait = Duration::from_secs(24 * 3600);
        links[2].set(Mode::Hung);
        if dropped {
            assert!(quorum.block_on(drop_after(1, guard.hand_over(wait))).is_none());
        } else {
            all(&links[..2], Mode::Deaf);
            drop(quorum.block_on(guard.hand_over(wait)).expect_err("lost"));
        }
        quorum.run_for(ms(20));
        links[2].set(Mode::Cut);
        all(&links[..2], Mode::Up);
        quorum.run_for(wait / 2);
        let before = links[2].sent();
        quorum.run_for(Duration::from_secs(3600));
        links[2].sent() - before
    };
    let counts = [count(true), count(false)];
    assert!(counts.iter().all(|count| *count < 100), "{counts:?} requests in an hour, half a day later");
}
