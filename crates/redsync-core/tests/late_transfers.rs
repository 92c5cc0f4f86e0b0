//! What is executed or answered long after an adoption, a hand-back or a release of an adopted lock.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::time::Duration;

use common::{
    NAME, Quorum, TTL, WAIT,
    link::{Link, Mode, all, process, warm},
    ms,
};
use redsync_core::{Delay, LockToken, Runtime};

/// At how many nodes the token waits.
fn waiting(quorum: &Quorum, token: &LockToken) -> usize {
    quorum.values().iter().filter(|value| value.as_deref() == Some(token.value())).count()
}

/// Changes these ways after a while.
fn soon(quorum: &Quorum, after: Duration, links: &[Link], mode: Mode) {
    let (links, at) = (links.to_vec(), quorum.runtime.sleep_until(quorum.runtime.now().plus(after)));
    quorum.runtime.spawn(Box::pin(async move {
        at.await;
        all(&links, mode)
    }));
}

#[test]
fn an_adoption_whose_first_round_is_answered_after_the_release_leaves_a_token_that_was_made_good_again() {
    for mode in [Mode::SlowReply(ms(2000)), Mode::SlowBreak(ms(2000))] {
        let quorum = Quorum::of(3);
        let (first, links) = process(&quorum);
        warm(&quorum, &first);
        let token = quorum.handed_over();
        all(&links, mode);
        soon(&quorum, ms(1), &links, Mode::Up);
        let guard = quorum.block_on(first.adopt(&token)).expect("by the second round");
        quorum.run_for(ms(500));
        quorum.block_on(guard.release()).expect("up");
        assert_eq!(quorum.keys_left(), 0, "released");
        let anew = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.block_on(anew.hand_back(&token)).expect("reachable");
        quorum.run_for(ms(4000));
        assert_eq!(waiting(&quorum, &token), 3, "{mode:?}: {:?}", quorum.values());
    }
}

#[test]
fn the_end_of_an_adoption_in_two_rounds_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let ((first, a), (second, b)) = (process(&quorum), process(&quorum));
    warm(&quorum, &first);
    let token = quorum.handed_over();
    // Another delivery gets hold of one node only, and gives up.
    all(&b[..2], Mode::Cut);
    let mutex_b = second.mutex(NAME).tries(1);
    let mutex_a = first.mutex(NAME).tries(8).retry_delay(Delay::Between(ms(30), ms(31)));
    all(&a[..2], Mode::Deaf);
    let late = a.clone();
    let runtime = quorum.runtime.clone();
    let b2 = b[2].clone();
    b2.set(Mode::SlowReply(ms(20)));
    let (_b, guard) = quorum.block_on(futures_util::future::join(mutex_b.adopt(&token), async {
        runtime.sleep_until(runtime.now().plus(ms(2))).await;
        soon(&quorum, Duration::from_micros(500), &late[..2], Mode::SlowReply(ms(3000)));
        soon(&quorum, Duration::from_micros(1500), &late, Mode::Up);
        mutex_a.adopt(&token).await
    }));
    let guard = guard.expect("adopted");
    eprintln!("adopted {:?}", quorum.values());
    quorum.run_for(ms(50));
    drop(guard);
    quorum.run_for(ms(200));
    assert_eq!(quorum.keys_left(), 0, "released");
    let anew = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(anew.hand_back(&token)).expect("reachable");
    assert_eq!(waiting(&quorum, &token), 3);
    quorum.run_for(ms(6000));
    eprintln!("{:?}", quorum.values());
    let again = quorum.block_on(quorum.redsync.adopt(&token)).map(drop).map_err(|error| error.kind());
    assert!(again.is_ok(), "{again:?}");
}

#[test]
fn what_is_handed_back_late_at_a_node_of_a_lock_taken_anew_does_not_stand_for_the_wait() {
    for exact in [false, true] {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        quorum.run_for(WAIT + TTL);
        // The token has expired: the worker takes the lock anew, fails, and hands it back.
        let ((first, links), (second, others)) = (process(&quorum), process(&quorum));
        let mutex = if exact { first.mutex(NAME).with_value("job-1138") } else { first.mutex(NAME) };
        let guard = quorum.block_on(mutex.lock()).expect("free");
        quorum.run_for(ms(10));
        // One node is away for everybody, for less than a second.
        links[2].set(Mode::Cut);
        others[2].set(Mode::Cut);
        quorum.block_on(guard.hand_back(&token)).expect("two of three");
        quorum.run_for(ms(350));
        let guard = quorum.block_on(second.adopt(&token)).expect("good");
        quorum.block_on(guard.release()).expect("reachable");
        quorum.run_for(ms(550));
        links[2].set(Mode::Up);
        others[2].set(Mode::Up);
        quorum.run_for(TTL * 3);
        assert_eq!(quorum.values(), [None, None, None], "{exact}, for {:?}", quorum.nodes[2].ttl(NAME));
    }
}

#[test]
fn one_hung_node_does_not_keep_settled_waiting_after_a_dropped_hand_back() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.adopt(&token)).expect("good");
    quorum.block_on(first.settled());
    links[2].set(Mode::Hung);
    let dropped = quorum.block_on(redsync_testkit::cancel::drop_after(1, guard.hand_back(&token)));
    assert!(dropped.is_none());
    let begun = quorum.runtime.now();
    quorum.block_on(first.settled());
    let took = quorum.runtime.now().since(begun);
    assert!(took < TTL * 2, "{took:?}");
}

#[test]
fn a_first_delete_that_comes_after_a_second_release_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let token = quorum.handed_over();
    let guard = quorum.block_on(first.mutex(NAME).release_tries(1).adopt(&token)).expect("good");
    quorum.run_for(ms(500));
    all(&links, Mode::Late(ms(2000)));
    let guard = quorum.block_on(guard.release()).expect_err("no reply in time").into_guard();
    all(&links, Mode::Up);
    quorum.block_on(guard.release()).expect("up");
    assert_eq!(quorum.keys_left(), 0, "released");
    let anew = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(anew.hand_back(&token)).expect("reachable");
    assert_eq!(waiting(&quorum, &token), 3);
    quorum.run_for(ms(4000));
    assert_eq!(waiting(&quorum, &token), 3, "{:?}", quorum.values());
}

#[test]
fn a_hand_back_does_not_go_by_what_a_failed_hand_over_has_filled_whoever_answers_first() {
    let quorum = Quorum::of(5);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let guard = quorum.block_on(first.mutex(NAME).extend_tries(1).lock()).expect("free");
    quorum.run_for(ms(1000));
    quorum.nodes[1..].iter().for_each(|node| _ = node.execute(&["DEL", NAME]).expect("up"));
    links[3].set(Mode::Cut);
    links[4].set(Mode::Cut);
    soon(&quorum, Duration::from_micros(500), &links[1..2], Mode::Deaf);
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("two of five have answered");
    eprintln!("{error} {:?}", quorum.values());
    let guard = error.into_guard();
    assert!(guard.is_valid());
    all(&links, Mode::Up);
    let back = quorum.block_on(guard.hand_back(&token)).map_err(|error| error.kind());
    assert!(back.is_err(), "one of five has held it all the time: {:?}", quorum.values());
}

#[test]
fn a_failed_hand_back_does_not_keep_settled_waiting_for_the_wait() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.adopt(&token)).expect("good");
    quorum.block_on(first.settled());
    all(&links, Mode::Hung);
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("hung");
    drop(error);
    let begun = quorum.runtime.now();
    quorum.block_on(first.settled());
    let took = quorum.runtime.now().since(begun);
    assert!(took < TTL * 2, "{took:?}");
}
