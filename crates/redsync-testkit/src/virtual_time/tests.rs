//! The promises of [`VirtualRuntime`].

use std::{
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn timers_fire_in_order_at_their_own_moments() {
    let runtime = VirtualRuntime::new(0);
    let (events, seen) = mpsc::channel();
    for seconds in [3, 1, 2, 1, 0] {
        spawn_timer(&runtime, seconds, &events);
    }
    assert_eq!(runtime.run_until_idle(60 * SECOND), 0);
    let seen: Vec<_> = seen.try_iter().collect();
    assert_eq!(seen, [(0, Duration::ZERO), (1, SECOND), (1, SECOND), (2, 2 * SECOND), (3, 3 * SECOND)]);
}

#[test]
fn a_jump_wakes_late_while_a_run_wakes_in_time() {
    for (jump, expected) in [(true, 5 * SECOND), (false, 2 * SECOND)] {
        let runtime = VirtualRuntime::new(0);
        let (events, seen) = mpsc::channel();
        spawn_timer(&runtime, 2, &events);
        runtime.run_for(Duration::ZERO);
        if jump {
            runtime.advance(5 * SECOND);
            assert_eq!(seen.try_iter().count(), 0, "a jump runs no task");
        }
        runtime.run_for(5 * SECOND);
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [(2, expected)], "jump: {jump}");
    }
}

#[test]
fn running_for_a_time_leaves_the_clock_there_and_later_timers_alone() {
    let runtime = VirtualRuntime::new(0);
    let (events, seen) = mpsc::channel();
    spawn_timer(&runtime, 2, &events);
    runtime.run_for(SECOND);
    assert_eq!((runtime.now().since(START), runtime.tasks_alive()), (SECOND, 1));
    assert_eq!(runtime.run_until_idle(SECOND / 2), 1, "the timer lies beyond the bound");
    assert_eq!(seen.try_iter().count(), 0);
    assert_eq!(runtime.run_until_idle(SECOND), 0);
    assert_eq!(seen.try_iter().count(), 1);
}

#[test]
fn tasks_run_in_the_order_in_which_they_were_woken() {
    let runtime = VirtualRuntime::new(0);
    let (events, seen) = mpsc::channel();
    for task in 0..3 {
        let events = events.clone();
        runtime.spawn(Box::pin(async move {
            for round in 0..2 {
                events.send((round, task)).unwrap();
                yield_once().await;
            }
        }));
    }
    assert_eq!(runtime.run_until_idle(Duration::ZERO), 0);
    let seen: Vec<_> = seen.try_iter().collect();
    assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
}

#[test]
fn shuffled_tasks_run_in_an_order_that_follows_from_the_seed() {
    let order = |seed| {
        let runtime = VirtualRuntime::shuffled(seed);
        let (events, seen) = mpsc::channel();
        for task in 0..8 {
            let events = events.clone();
            runtime.spawn(Box::pin(async move { events.send(task).unwrap() }));
        }
        runtime.run_for(Duration::ZERO);
        seen.try_iter().collect::<Vec<_>>()
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    let mut all = order(3);
    all.sort_unstable();
    assert_eq!(all, (0..8).collect::<Vec<_>>());
}

#[test]
fn a_task_that_was_woken_twice_is_polled_once() {
    let runtime = VirtualRuntime::new(0);
    let (events, seen) = mpsc::channel();
    let mut first = true;
    runtime.spawn(Box::pin(poll_fn(move |cx| {
        events.send(()).unwrap();
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })));
    assert_eq!(runtime.run_until_idle(Duration::ZERO), 1);
    assert_eq!(seen.try_iter().count(), 2);
}

#[test]
fn tasks_outlive_the_main_future_and_go_on_with_the_next_run() {
    let runtime = VirtualRuntime::new(0);
    let (events, seen) = mpsc::channel();
    runtime.block_on(async { spawn_timer(&runtime, 1, &events) });
    assert_eq!(runtime.tasks_alive(), 1);
    runtime.block_on(runtime.sleep_until(START.plus(2 * SECOND)));
    assert_eq!((runtime.tasks_alive(), seen.try_iter().count()), (0, 1));
}

#[test]
fn what_would_never_end_panics_and_says_why() {
    type Run = fn(&VirtualRuntime);
    let deadlock: Run = |runtime| runtime.block_on(pending());
    let livelock: Run = |runtime| runtime.block_on(spin());
    let nested: Run = |runtime| runtime.block_on(async { runtime.block_on(async {}) });
    for (expected, run) in [("deadlock", deadlock), ("livelock", livelock), ("running already", nested)] {
        let runtime = VirtualRuntime::new(0);
        let panic = catch_unwind(AssertUnwindSafe(|| run(&runtime))).unwrap_err();
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap();
        assert!(message.contains(expected), "{message}");
        assert_eq!(runtime.block_on(async { 7 }), 7, "usable after: {expected}");
    }
}

#[test]
fn a_panic_in_a_task_fails_the_run_and_ends_the_task() {
    let runtime = VirtualRuntime::new(0);
    runtime.spawn(Box::pin(async { panic!("in a task") }));
    catch_unwind(AssertUnwindSafe(|| runtime.run_for(SECOND))).unwrap_err();
    assert_eq!(runtime.run_until_idle(SECOND), 0);
}

#[test]
fn a_dropped_sleep_gives_its_timer_back() {
    let runtime = VirtualRuntime::new(0);
    runtime.block_on(async {
        let mut long = runtime.sleep_until(START.plus(60 * SECOND));
        poll_fn(|cx| {
            assert!(long.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    });
    runtime.run_until_idle(3600 * SECOND);
    assert_eq!(runtime.now(), START);
}

#[test]
fn dropping_the_tasks_drops_what_they_hold_and_what_they_spawn_meanwhile() {
    struct SpawnsOnDrop(VirtualRuntime, mpsc::Sender<()>);
    impl Drop for SpawnsOnDrop {
        fn drop(&mut self) {
            let events = self.1.clone();
            self.0.spawn(Box::pin(async move { events.send(()).unwrap() }));
        }
    }
    let runtime = VirtualRuntime::new(0);
    let (events, seen) = mpsc::channel();
    let held = SpawnsOnDrop(runtime.clone(), events);
    runtime.spawn(Box::pin(async move {
        pending::<()>().await;
        drop(held);
    }));
    assert_eq!(runtime.run_until_idle(SECOND), 1);
    runtime.drop_tasks();
    assert_eq!(runtime.run_until_idle(SECOND), 0);
    assert_eq!(seen.recv(), Err(mpsc::RecvError));
}

#[test]
fn random_bits_follow_from_the_seed() {
    let bits = |seed| {
        let runtime = VirtualRuntime::new(seed);
        [runtime.random(), runtime.random()]
    };
    assert_eq!(bits(1), bits(1));
    assert_ne!(bits(1), bits(2));
}

#[test]
fn the_wall_clock_keeps_step() {
    let runtime = VirtualRuntime::new(0);
    let before = runtime.wall_clock();
    runtime.advance(90 * SECOND);
    assert_eq!(runtime.wall_clock().duration_since(before).unwrap(), 90 * SECOND);
    runtime.advance(Duration::MAX);
    assert_eq!(runtime.now(), Moment::from_origin(Duration::MAX));
    let _ = runtime.wall_clock();
}

#[test]
fn it_can_be_shared_between_threads() {
    fn check<T: Send + Sync + 'static>(_: &T) {}
    check(&VirtualRuntime::new(0));
}

/// Sends `seconds`, with the time at which it did so, when that many have passed.
fn spawn_timer(runtime: &VirtualRuntime, seconds: u32, events: &mpsc::Sender<(u32, Duration)>) {
    let (clock, events) = (runtime.clone(), events.clone());
    let at = runtime.now().plus(seconds * SECOND);
    runtime.spawn(Box::pin(async move {
        clock.sleep_until(at).await;
        events.send((seconds, clock.now().since(START))).unwrap();
    }));
}

async fn spin() {
    loop {
        yield_once().await;
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
