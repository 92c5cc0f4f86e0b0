//! Loss: who has a lock learns in time that it is lost, by the clock as well as by replies.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use common::{NAME, Quorum, TTL, ms};
use futures_util::future::{join, poll_immediate};
use redsync_core::{ErrorKind, InvalidOption, Loss, Mutex, Runtime};
use redsync_testkit::memory::MemoryNode;

/// A TTL of 8 s less drift and precision.
const VALIDITY: Duration = ms(7918);
/// The default: a twentieth of the TTL.
const MARGIN: Duration = ms(400);

fn all(quorum: &Quorum, act: impl Fn(&MemoryNode)) {
    quorum.nodes.iter().for_each(act);
}

#[test]
fn it_is_told_by_the_clock_whatever_the_nodes_do() {
    let troubles: [fn(&MemoryNode); 4] =
        [|_| {}, |node| node.pause(), |node| node.stop(), |node| node.delay_replies(TTL * 10)];
    for (case, trouble) in troubles.into_iter().enumerate() {
        for (auto, margin) in [(false, None), (true, None), (true, Some(ms(0))), (true, Some(ms(5000)))] {
            let quorum = Quorum::of(3);
            let mutex = quorum.mutex().auto_extend(auto && case > 0);
            let mutex = match margin {
                Some(margin) => mutex.loss_margin(margin),
                None => mutex,
            };
            let begun = quorum.runtime.now();
            let guard = quorum.block_on(mutex.lock()).expect("free");
            all(&quorum, trouble);
            assert_eq!(quorum.block_on(guard.lost()), Loss::Expiring);
            let waited = quorum.runtime.now().since(begun);
            assert_eq!(waited, VALIDITY - margin.unwrap_or(MARGIN), "case {case}, {auto}, {margin:?}");
            guard.leave();
        }
    }
}

#[test]
fn the_default_margin_is_a_twentieth_of_the_ttl_and_at_most_a_second() {
    let cases = [(ms(1000), ms(50)), (ms(60_000), ms(1000)), (ms(3_600_000), ms(1000))];
    for (ttl, margin) in cases {
        let quorum = Quorum::of(1);
        let guard = quorum.block_on(quorum.mutex().ttl(ttl).lock()).expect("free");
        quorum.block_on(guard.lost());
        assert_eq!(guard.valid_for(), margin, "{ttl:?}");
        guard.leave();
    }
}

#[test]
fn it_is_told_by_the_clock_also_when_the_renewal_is_gone() {
    let quorum = Quorum::of(3);
    let begun = quorum.runtime.now();
    let guard = quorum.block_on(quorum.mutex().auto_extend(true).lock()).expect("free");
    quorum.runtime.drop_tasks();
    assert_eq!(quorum.block_on(guard.lost()), Loss::Expiring);
    assert_eq!(quorum.runtime.now().since(begun), VALIDITY - MARGIN);
    guard.leave();
}

#[test]
fn the_timer_is_set_anew_when_the_validity_grows() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let extended = Cell::new(quorum.runtime.now());
    let extend = async {
        for _ in 0..3 {
            quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(7000))).await;
            extended.set(quorum.runtime.now());
            guard.extend().await.expect("reachable");
        }
    };
    let (loss, ()) = quorum.block_on(join(guard.lost(), extend));
    assert_eq!(loss, Loss::Expiring);
    assert_eq!(quorum.runtime.now().since(extended.get()), VALIDITY - MARGIN);
    guard.leave();
}

#[test]
fn it_is_told_at_once_when_an_extension_learns_of_it() {
    let takes: [fn(&MemoryNode); 2] = [
        |node| drop(node.execute(&["DEL", NAME]).expect("a command")),
        |node| node.set(NAME, "a rival's", Some(TTL)),
    ];
    for take in takes {
        let quorum = Quorum::of(3);
        let begun = quorum.runtime.now();
        let guard = quorum.block_on(quorum.mutex().auto_extend(true).lock()).expect("free");
        quorum.settle();
        quorum.nodes.iter().take(2).for_each(take);
        assert_eq!(quorum.block_on(guard.lost()), Loss::Gone);
        let waited = quorum.runtime.now().since(begun);
        assert!(waited < TTL / 3 + ms(2), "{waited:?}");
        assert!(!guard.is_valid());
        guard.leave();

        let quorum = Quorum::of(3);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.settle();
        quorum.nodes.iter().take(2).for_each(take);
        let (loss, error) = quorum.block_on(join(guard.lost(), guard.extend()));
        assert_eq!((loss, error.expect_err("lost").kind()), (Loss::Gone, ErrorKind::Lost));
        guard.leave();
    }
}

#[test]
fn everybody_is_told_and_who_comes_late_as_well() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let (one, other, third) = (guard.lost(), guard.lost(), guard.lost());
    let release = async { guard.release().await.expect("reachable") };
    let ((one, other), _) = quorum.block_on(join(join(one, other), release));
    assert_eq!([one, other, quorum.block_on(third)], [Loss::GivenBack; 3]);
}

#[test]
fn a_clock_that_jumped_ahead_shows_on_the_first_poll() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().auto_extend(true).lock()).expect("free");
    let mut waits = pin!(guard.lost());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waits.as_mut().poll(&mut cx).is_pending());
    // As a process that was stopped, or a machine that was suspended.
    quorum.runtime.advance(TTL);
    assert_eq!(waits.poll(&mut cx), Poll::Ready(Loss::Expiring));
    assert_eq!(quorum.block_on(poll_immediate(guard.lost())), Some(Loss::Expiring));
    let begun = Cell::new(false);
    let error = quorum.block_on(guard.keep(async { begun.set(true) })).expect_err("lost");
    assert_eq!((error.loss(), error.name()), (Loss::Expiring, NAME));
    assert!(!begun.get(), "work does not even begin");
    assert!(!guard.is_valid());
    guard.leave();
}

#[test]
fn the_first_limit_that_is_reached_is_told() {
    let cases = [
        (ms(1000), ms(1000), Loss::LimitReached),
        (VALIDITY - MARGIN, VALIDITY - MARGIN, Loss::Expiring),
        (TTL, VALIDITY - MARGIN, Loss::Expiring),
    ];
    for (limit, expected, reason) in cases {
        let quorum = Quorum::of(3);
        let begun = quorum.runtime.now();
        let guard = quorum.block_on(quorum.mutex().max_hold(limit).lock()).expect("free");
        assert_eq!(quorum.block_on(guard.lost()), reason, "{limit:?}");
        let waited = quorum.runtime.now().since(begun);
        assert!(waited >= expected && waited <= expected + ms(1), "{waited:?}");
        guard.leave();
    }
}

#[test]
fn kept_work_returns_its_own_output() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    // Neither `Send` nor `'static`.
    let (text, counter) = ("borrowed".to_owned(), Rc::new(Cell::new(0)));
    let work = async {
        for _ in 0..10 {
            quorum.runtime.sleep_until(quorum.runtime.now().plus(TTL)).await;
            counter.set(counter.get() + 1);
        }
        Err::<(), _>(text.as_str())
    };
    let output = quorum.block_on(guard.keep(work)).expect("held all the time");
    assert_eq!((output, counter.get()), (Err("borrowed"), 10));
    quorum.block_on(guard.release()).expect("reachable");
}

#[test]
fn kept_work_is_dropped_when_the_lock_is_lost() {
    struct Dropped<'a>(&'a Cell<bool>);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let ends: [fn(&MemoryNode); 2] = [|node| node.pause(), |node| node.wipe()];
    for (end, loss) in ends.into_iter().zip([Loss::Expiring, Loss::Gone]) {
        let quorum = Quorum::of(3);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.settle();
        all(&quorum, end);
        let dropped = Cell::new(false);
        let work = async {
            let _dropped = Dropped(&dropped);
            pending::<()>().await;
        };
        let kept = async {
            let kept = guard.keep(work).await;
            assert!(dropped.get(), "before it returns");
            kept
        };
        let error = quorum.block_on(kept).expect_err("lost");
        assert_eq!(error.loss(), loss);
        assert!(error.to_string().contains(NAME), "{error}");
        guard.leave();
    }
}

#[test]
fn work_is_not_polled_once_the_loss_was_due() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    all(&quorum, |node| node.pause());
    let due = quorum.runtime.now().plus(guard.valid_for() - MARGIN);
    let last = Cell::new(quorum.runtime.now());
    // Wakes up every millisecond, and so at the very moment too.
    let work = async {
        while quorum.runtime.now() < due.plus(TTL) {
            last.set(quorum.runtime.now());
            quorum.runtime.sleep_until(last.get().plus(ms(1))).await;
        }
    };
    let error = quorum.block_on(guard.keep(work)).expect_err("hung");
    assert_eq!((error.loss(), quorum.runtime.now()), (Loss::Expiring, due));
    assert!(last.get() < due);
    guard.leave();
}

#[test]
fn a_jump_while_work_waits_stops_it_when_it_wakes_up() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let polls = Cell::new(0);
    let work = poll_fn(|_| {
        polls.set(polls.get() + 1);
        Poll::<()>::Pending
    });
    let mut kept = Box::pin(guard.keep(work));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(kept.as_mut().poll(&mut cx).is_pending() && kept.as_mut().poll(&mut cx).is_pending());
    quorum.runtime.advance(TTL);
    assert!(matches!(kept.as_mut().poll(&mut cx), Poll::Ready(Err(_))));
    drop(kept);
    assert_eq!(polls.get(), 2);
    guard.leave();
}

#[test]
fn limits_and_margins_that_make_no_sense_are_refused_with_their_numbers() {
    type Case = (fn(Mutex) -> Mutex, fn(&InvalidOption) -> bool, &'static [&'static str]);
    let cases: [Case; 3] = [
        (|mutex| mutex.max_hold(ms(0)), |option| matches!(option, InvalidOption::MaxHold), &["zero"]),
        (
            |mutex| mutex.loss_margin(VALIDITY),
            |option| matches!(option, InvalidOption::LossMargin { .. }),
            &["7.918s", "8s"],
        ),
        (
            |mutex| mutex.ttl(ms(1000)).loss_margin(ms(2000)),
            |option| matches!(option, InvalidOption::LossMargin { .. }),
            &["2s", "988ms", "1s"],
        ),
    ];
    let quorum = Quorum::of(1);
    for (set, is_expected, named) in cases {
        let option = set(quorum.mutex()).check().expect_err("it makes no sense");
        let text = option.to_string();
        assert!(is_expected(&option) && named.iter().all(|part| text.contains(part)), "{text}");
    }
    quorum.mutex().loss_margin(VALIDITY - ms(1)).max_hold(ms(1)).check().expect("possible");
    quorum.mutex().drift_factor(0.97).node_timeout(ms(1)).check().expect("the default margin fits");
}

#[test]
fn what_lost_returns_can_go_anywhere() {
    fn anywhere<F: Future + Send + Unpin + 'static>(future: F) -> F {
        future
    }
    let quorum = Quorum::of(1);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let lost = anywhere(guard.lost());
    assert!(format!("{lost:?}").contains(NAME));
    drop(guard);
    assert_eq!(quorum.block_on(lost), Loss::GivenBack);
}
