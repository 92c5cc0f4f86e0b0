//! Who waits for a lock: in which order, for how long, and how it gets to know that the lock is free.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::{
    sync::{Arc, Mutex as StdMutex},
    time::Duration,
};

use common::{NAME, Quorum, TTL, ms};
use futures_util::future::{join, join_all};
use redsync_core::{Answer, Error, ErrorKind, Redsync, Runtime};
use redsync_testkit::memory::ErrorReply;

/// Longer than any pause between two tries.
const POLL: Duration = Duration::from_millis(250);

/// How many nodes were asked and said no.
fn refusals(error: &Error) -> usize {
    error.nodes().iter().filter(|node| matches!(node.answer(), Answer::Refused(_))).count()
}

#[test]
fn calls_of_one_process_get_the_lock_in_their_order_and_only_the_first_asks() {
    let quorum = Quorum::of(3);
    let order = StdMutex::new(Vec::new());
    let work = async |number: u64| {
        quorum.sleep(ms(number)).await;
        let guard = quorum.mutex().lock().await.expect("its turn comes");
        order.lock().expect("nobody panics").push(number);
        quorum.sleep(ms(50)).await;
        guard.release().await.expect("reachable");
    };
    quorum.block_on(join_all((0..8).map(work)));
    assert_eq!(*order.lock().expect("nobody panics"), [0, 1, 2, 3, 4, 5, 6, 7]);
    let calls = quorum.nodes[0].calls();
    assert_eq!(calls["SET"], 8, "{calls:?}");
}

#[test]
fn the_next_call_asks_right_behind_the_release() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let next = async {
        let guard = quorum.mutex().lock().await.expect("its turn comes");
        (quorum.runtime.now(), guard)
    };
    let release = async {
        quorum.sleep(ms(20)).await;
        let begun = quorum.runtime.now();
        guard.release().await.expect("reachable");
        begun
    };
    let ((taken, _guard), begun) = quorum.block_on(join(next, release));
    // One round trip, in which both are on their way.
    assert!(taken.since(begun) <= ms(2), "{:?}", taken.since(begun));
}

#[test]
fn who_waits_for_another_process_gets_the_lock_as_soon_as_it_is_free() {
    for nodes in [1, 3, 5] {
        let quorum = Quorum::of(nodes);
        let guard = quorum.block_on(quorum.other_process().mutex(NAME).lock()).expect("free");
        let wait = async {
            let guard = quorum.mutex().retry_delay(Duration::from_secs(60)).lock().await.expect("woken");
            (quorum.runtime.now(), guard)
        };
        let release = async {
            quorum.sleep(Duration::from_secs(3)).await;
            let begun = quorum.runtime.now();
            guard.release().await.expect("reachable");
            begun
        };
        let ((taken, _guard), begun) = quorum.block_on(join(wait, release));
        assert!(taken.since(begun) <= ms(6), "{nodes} nodes: {:?}", taken.since(begun));
        let calls = quorum.nodes[0].calls();
        assert_eq!((calls["SET"], calls["PTTL"]), (3, 1), "no polling: {calls:?}");
    }
}

#[test]
fn who_waits_gets_a_lock_that_expires_as_soon_as_it_does() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.other_process().mutex(NAME).ttl(TTL).lock()).expect("free");
    guard.leave();
    let begun = quorum.runtime.now();
    let taken =
        quorum.block_on(quorum.mutex().retry_delay(Duration::from_secs(60)).lock()).expect("over by time");
    let waited = quorum.runtime.now().since(begun);
    assert!(waited <= TTL + ms(6), "{waited:?}");
    drop(taken);
}

#[test]
fn where_nobody_tells_that_a_lock_is_free_it_is_polled_for() {
    let quorum = Quorum::of(3);
    let refusal = || ErrorReply::new("NOPERM", "this user has no permissions to run the 'pttl' command");
    quorum.nodes.iter().for_each(|node| node.refuse("PTTL", refusal()));
    let guard = quorum.block_on(quorum.other_process().mutex(NAME).lock()).expect("free");
    let wait = async { quorum.mutex().lock().await.map(|guard| (quorum.runtime.now(), guard)) };
    let release = async {
        quorum.sleep(Duration::from_secs(1)).await;
        guard.release().await.expect("reachable");
        quorum.runtime.now()
    };
    let (taken, released) = quorum.block_on(join(wait, release));
    let (taken, _guard) = taken.expect("polled");
    assert!(taken.since(released) <= POLL + ms(6), "{:?}", taken.since(released));
}

#[test]
fn a_hint_takes_nothing_of_the_tries() {
    let quorum = Quorum::of(1);
    let guard = quorum.block_on(quorum.other_process().mutex(NAME).lock()).expect("free");
    let mutex = quorum.mutex().tries(2).retry_delay(Duration::from_secs(2));
    let wait = async { (mutex.lock().await.expect_err("never free"), quorum.runtime.now()) };
    let busy = async {
        for _ in 0..40 {
            quorum.sleep(ms(100)).await;
            // Each is a hint.
            guard.extend().await.expect("held");
        }
        guard
    };
    let begun = quorum.runtime.now();
    let ((error, at), _guard) = quorum.block_on(join(wait, busy));
    assert_eq!((error.kind(), error.tries()), (ErrorKind::Taken, 2), "{error}");
    let waited = at.since(begun);
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(3), "{waited:?}");
}

#[test]
fn a_call_in_line_gives_up_when_it_would_if_it_asked_and_hears_the_nodes_before() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let begun = quorum.runtime.now();
    let error = quorum.block_on(quorum.mutex().tries(4).retry_delay(ms(100)).lock()).expect_err("taken");
    let waited = quorum.runtime.now().since(begun);
    assert!(waited >= ms(300) && waited < ms(310), "{waited:?}");
    assert_eq!((error.kind(), error.tries()), (ErrorKind::Taken, 1), "{error}");
    assert!(refusals(&error) >= 2, "{error}");
    assert!(error.to_string().contains("behind other calls of this process"), "{error}");
    drop(guard);
}

#[test]
fn a_call_in_line_ends_by_its_deadline_and_hears_the_nodes_before() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let begun = quorum.runtime.now();
    let error = quorum.block_on(quorum.mutex().deadline(ms(1000)).lock()).expect_err("taken");
    let waited = quorum.runtime.now().since(begun);
    assert!(waited <= ms(1000), "{waited:?}");
    assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
    assert!(refusals(&error) >= 2, "{error}");
    drop(guard);
}

#[test]
fn who_leaves_the_line_holds_nobody_up() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let impatient = async { quorum.mutex().lock_unless(quorum.sleep(ms(10))).await.expect_err("cancelled") };
    let patient = async {
        quorum.sleep(ms(1)).await;
        let guard = quorum.mutex().lock().await.expect("its turn comes");
        (quorum.runtime.now(), guard)
    };
    let release = async {
        quorum.sleep(ms(50)).await;
        guard.release().await.expect("reachable");
        quorum.runtime.now()
    };
    let ((error, (taken, _guard)), released) = quorum.block_on(join(join(impatient, patient), release));
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(taken.since(released) <= ms(2), "{:?}", taken.since(released));
}

#[test]
fn a_guard_whose_validity_is_over_holds_nobody_up() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let begun = quorum.runtime.now();
    let next = quorum.block_on(quorum.mutex().tries(1000).lock()).expect("over by time");
    let waited = quorum.runtime.now().since(begun);
    assert!(waited <= TTL + 2 * POLL, "{waited:?}");
    assert!(!guard.is_valid() && next.is_valid());
}

#[test]
fn a_guard_that_leaves_its_lock_or_hands_it_over_leaves_the_line() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let wait = async {
        let guard = quorum.mutex().lock().await.expect("free in the end");
        guard.release().await.expect("reachable");
        quorum.runtime.now()
    };
    let work = async {
        let guard = quorum.redsync.adopt(&token).await.expect("the only one");
        quorum.sleep(ms(700)).await;
        guard.release().await.expect("reachable");
        quorum.runtime.now()
    };
    let (taken, released) = quorum.block_on(join(wait, work));
    assert!(taken.since(released) <= ms(10), "{:?}", taken.since(released));
}

#[test]
fn a_process_that_is_never_idle_lets_others_have_the_lock() {
    for nodes in [1, 3] {
        let quorum = Quorum::of(nodes);
        // Nobody is always a moment quicker.
        quorum.nodes.iter().for_each(|node| node.jitter(ms(1)));
        let taken = Arc::new(StdMutex::new(Vec::new()));
        let client = |redsync: Redsync, is_ours: bool, runs: usize| {
            let (taken, quorum) = (Arc::clone(&taken), &quorum);
            async move {
                for _ in 0..runs {
                    let guard = redsync.mutex(NAME).tries(1000).lock().await.expect("its turn comes");
                    taken.lock().expect("nobody panics").push(is_ours);
                    quorum.sleep(ms(1)).await;
                    guard.release().await.expect("reachable");
                }
            }
        };
        // Twenty that never think, and one of another process.
        let busy = (0..20).map(|_| client(quorum.redsync.clone(), true, 50));
        let other = client(quorum.other_process(), false, 20);
        quorum.block_on(join(join_all(busy), other));
        let taken = taken.lock().expect("nobody panics");
        let last = taken.iter().rposition(|is_ours| !is_ours).expect("it has had the lock");
        // Each eighth time the other one has the same chance.
        assert!(last <= 20 * 8 * 3, "{nodes} nodes: the twentieth time of the other one came after {last}");
    }
}

#[test]
fn where_others_poll_a_process_that_is_never_idle_lets_them_have_the_lock_as_well() {
    let quorum = Quorum::of(1);
    let refusal = || ErrorReply::new("NOPERM", "this user has no permissions to run the 'pttl' command");
    quorum.nodes[0].refuse("PTTL", refusal());
    let busy = async || {
        for _ in 0..200 {
            let guard = quorum.mutex().tries(1000).lock().await.expect("its turn comes");
            quorum.sleep(ms(10)).await;
            guard.release().await.expect("reachable");
        }
    };
    let other = async {
        let redsync = quorum.other_process();
        let guard = redsync.mutex(NAME).tries(1000).lock().await.expect("its turn comes");
        guard.release().await.expect("reachable");
        quorum.runtime.now()
    };
    let begun = quorum.runtime.now();
    let (_, at) = quorum.block_on(join(join(busy(), busy()), other));
    assert!(at.since(begun) < Duration::from_secs(4), "{:?}", at.since(begun));
}
