//! What becomes of a call that waits behind other calls of its process, when those do not do what one would expect.
#![allow(clippy::expect_used, clippy::panic, reason = "tests state what they expect")]

mod common;

use std::{mem::forget, time::Duration};

use common::{NAME, Quorum, TTL, link::HALF_WAY, ms};
use futures_util::future::{join, join3, select};
use redsync_core::{ErrorKind, Guard, Runtime as _};
use redsync_testkit::cancel::drop_after;

/// Nobody who polls has the lock before this is over.
const NEVER: Duration = Duration::from_secs(3600);

/// A quorum to which requests are on their way for as long as replies are, and nobody is always a moment quicker.
fn far_away(nodes: usize) -> Quorum {
    let quorum = Quorum::of(nodes);
    for node in &quorum.nodes {
        node.delay_requests(HALF_WAY);
        node.delay_replies(HALF_WAY);
        node.jitter(Duration::from_micros(20));
    }
    quorum
}

async fn hold_for(quorum: &Quorum, guard: Guard, time: Duration) {
    quorum.sleep(time).await;
    guard.release().await.expect("reachable");
}

#[test]
fn a_guard_that_is_dropped_long_after_its_validity_leaves_no_line_but_its_own() {
    let quorum = Quorum::of(3);
    let lock = async || quorum.mutex().retry_delay(NEVER).lock().await.expect("its turn comes");
    // The second in line, when its validity is over.
    let first = quorum.block_on(lock());
    let (late, ()) = quorum.block_on(join(lock(), hold_for(&quorum, first, ms(10))));
    quorum.run_for(TTL);
    assert!(!late.is_valid());
    // Here the line is empty once.
    quorum
        .block_on(quorum.block_on(quorum.mutex().tries(1000).lock()).expect("over by time").release())
        .expect("reachable");

    let first = quorum.block_on(lock());
    let begun = quorum.runtime.now();
    let drop_late = async {
        quorum.sleep(ms(5)).await;
        drop(late);
    };
    let (next, (), ()) = quorum.block_on(join3(lock(), hold_for(&quorum, first, ms(10)), drop_late));
    let waited = quorum.runtime.now().since(begun);
    assert!(waited <= ms(15), "{waited:?}");
    drop(next);
}

#[test]
fn a_guard_that_is_never_dropped_holds_nobody_up_for_longer_than_its_validity() {
    let quorum = Quorum::of(3);
    forget(quorum.block_on(quorum.mutex().lock()).expect("free"));
    let begun = quorum.runtime.now();
    let guard = quorum.block_on(quorum.mutex().retry_delay(NEVER).lock()).expect("over by time");
    let waited = quorum.runtime.now().since(begun);
    assert!(waited <= TTL + ms(10), "{waited:?}");
    drop(guard);
}

#[test]
fn nor_does_the_guard_of_a_call_that_was_in_line_itself() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let next = async || quorum.mutex().retry_delay(NEVER).lock().await.expect("its turn comes");
    let second = async { forget(next().await) };
    let third = async {
        quorum.sleep(ms(1)).await;
        drop(next().await);
        quorum.runtime.now()
    };
    let begun = quorum.runtime.now();
    let ((), (), over) = quorum.block_on(join3(hold_for(&quorum, guard, TTL / 2), second, third));
    let waited = over.since(begun);
    assert!(waited <= TTL / 2 + TTL + ms(10), "{waited:?}");
}

#[test]
fn a_guard_that_is_extended_is_waited_for() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let busy = async {
        for _ in 0..4 {
            quorum.sleep(TTL / 2).await;
            guard.extend().await.expect("held");
        }
        guard.release().await.expect("reachable");
        quorum.runtime.now()
    };
    let wait = async {
        let guard = quorum.mutex().retry_delay(NEVER).lock().await.expect("its turn comes");
        (quorum.runtime.now(), guard)
    };
    let (released, (taken, _guard)) = quorum.block_on(join(busy, wait));
    assert!(taken >= released && taken.since(released) <= ms(6), "{:?}", taken.since(released));
}

#[test]
fn a_deadline_shorter_than_the_node_time_out_leaves_time_to_wait() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let mutex = quorum.mutex().node_timeout(ms(400)).deadline(ms(300));
    let (next, ()) = quorum.block_on(join(mutex.lock(), hold_for(&quorum, guard, ms(100))));
    assert!(next.expect("long before the deadline").is_valid());
}

#[test]
fn a_call_in_line_tells_that_its_deadline_has_ended_it() {
    for deadline in [300, 1000] {
        let quorum = Quorum::of(3);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        let begun = quorum.runtime.now();
        let error = quorum.block_on(quorum.mutex().deadline(ms(deadline)).lock()).expect_err("taken");
        let waited = quorum.runtime.now().since(begun);
        assert!(waited <= ms(deadline), "{waited:?}");
        assert_eq!((error.kind(), error.deadline_exceeded()), (ErrorKind::Taken, true), "{error}");
        assert!(error.to_string().contains("behind other calls of this process"), "{error}");
        drop(guard);
    }
}

#[test]
fn a_call_tells_how_much_of_its_time_it_has_been_in_line() {
    let quorum = Quorum::of(3);
    let other = quorum.other_process();
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    // Two of ten tries; after that another process has the lock.
    let mutex = quorum.mutex().tries(10).retry_delay(ms(100));
    let change = async {
        quorum.sleep(ms(150)).await;
        let next = other.mutex(NAME).retry_delay(ms(0)).tries(1000);
        let token = guard.hand_over(TTL * 10).await.expect("reachable");
        next.adopt(&token).await.expect("the only one")
    };
    let (error, _guard) = quorum.block_on(join(mutex.lock(), change));
    let error = error.expect_err("taken");
    assert!(error.tries() > 5, "{error}");
    assert!(!error.to_string().contains("most of the time"), "{error}");
    assert!(error.to_string().contains("behind other calls of this process"), "{error}");
}

#[test]
fn the_next_call_asks_right_behind_the_release_of_a_guard_that_is_dropped() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let begun = quorum.runtime.now();
    let next = quorum.block_on(async {
        drop(guard);
        quorum.mutex().lock().await.expect("free by then")
    });
    let waited = quorum.runtime.now().since(begun);
    assert!(waited <= ms(2), "{waited:?}");
    let calls = quorum.nodes[0].calls();
    assert_eq!(calls["SET"], 2, "{calls:?}");
    drop(next);
}

#[test]
fn a_loop_that_drops_its_guards_lets_other_processes_have_the_lock() {
    // It asks anew before the release is sent, or after that.
    for pause in [Duration::ZERO, Duration::from_micros(50)] {
        for nodes in [1, 3] {
            let quorum = far_away(nodes);
            let mut had = 0;
            let busy = async {
                loop {
                    let guard = quorum.mutex().tries(1000).lock().await.expect("its turn comes");
                    had += 1;
                    quorum.sleep(ms(5)).await;
                    drop(guard);
                    quorum.sleep(pause).await;
                }
            };
            let other = async {
                let redsync = quorum.other_process();
                for _ in 0..10 {
                    let guard = redsync.mutex(NAME).tries(1000).lock().await.expect("its turn comes");
                    guard.release().await.expect("reachable");
                    quorum.sleep(ms(20)).await;
                }
            };
            quorum.block_on(select(Box::pin(busy), Box::pin(other)));
            // Each eighth time the other one has the same chance.
            assert!(
                had <= 10 * 8 * 3,
                "{nodes} nodes, {pause:?}: ten times while the loop had it {had} times"
            );
        }
    }
}

#[test]
fn a_loop_that_waits_for_its_releases_lets_other_processes_have_the_lock() {
    for nodes in [1, 3] {
        let quorum = far_away(nodes);
        let mut had = 0;
        let busy = async {
            loop {
                let guard = quorum.mutex().lock().await.expect("its turn comes");
                had += 1;
                hold_for(&quorum, guard, ms(5)).await;
            }
        };
        let other = async {
            let redsync = quorum.other_process();
            for _ in 0..10 {
                let guard =
                    redsync.mutex(NAME).lock().await.expect("within the tries that it has by default");
                guard.release().await.expect("reachable");
                quorum.sleep(ms(20)).await;
            }
        };
        quorum.block_on(select(Box::pin(busy), Box::pin(other)));
        // Each tenth of a second the other one has the same chance.
        assert!(had <= 10 * 20 * 3, "{nodes} nodes: ten times while the loop had it {had} times");
    }
}

#[test]
fn a_loop_that_nobody_rivals_hardly_looks_whether_the_lock_is_free() {
    let quorum = Quorum::of(1);
    quorum.block_on(async {
        for _ in 0..1000 {
            quorum.mutex().lock().await.expect("free").release().await.expect("reachable");
        }
    });
    let calls = quorum.nodes[0].calls();
    // Two looks each tenth of a second, of two milliseconds a time.
    assert!(calls["SET"] == 1000 && calls["PTTL"] <= 2 * 20, "{calls:?}");
}

#[test]
fn a_call_that_is_dropped_at_any_of_its_polls_leaves_its_place_and_nothing_behind() {
    let mut has_ended = false;
    for polls in 0..1000 {
        let quorum = Quorum::of(3);
        quorum.nodes.iter().for_each(|node| node.extra_polls(2));
        let other = quorum.block_on(quorum.other_process().mutex(NAME).lock()).expect("free");
        let next = || quorum.mutex().retry_delay(ms(50)).tries(1000);
        let dropped = async {
            // Behind a call of its process, and then first, while another process has the lock.
            let (first, second) = (next(), next());
            let before = first.lock_unless(quorum.sleep(ms(120)));
            let (before, lock) = join(before, drop_after(polls, second.lock())).await;
            before.expect_err("cancelled");
            has_ended = lock.is_some();
        };
        let last = async {
            quorum.sleep(ms(1)).await;
            let guard = next().lock().await.expect("its turn comes");
            let taken = quorum.runtime.now();
            guard.release().await.expect("reachable");
            taken
        };
        let release = async {
            quorum.sleep(ms(300)).await;
            other.release().await.expect("reachable");
            quorum.runtime.now()
        };
        let ((), taken, released) = quorum.block_on(join3(dropped, last, release));
        assert!(taken.since(released) <= ms(60), "{polls}: {:?}", taken.since(released));
        quorum.settle();
        assert_eq!(quorum.keys_left(), 0, "{polls}");
        if has_ended {
            assert!(polls > 20, "{polls}");
            return;
        }
    }
    panic!("it never has the lock");
}
