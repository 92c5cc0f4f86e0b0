//! What becomes of a future that is dropped before its first poll, on its way, at its end, and in a panic.

use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    time::SystemTime,
};

use futures_channel::oneshot;
use futures_util::FutureExt;
use redsync_core::Moment;

use super::*;

#[test]
fn a_call_that_ends_in_place_spawns_nothing() {
    let runtime = Arc::new(Recorder::default());
    let call = deliver(runtime.clone(), Box::pin(async { 7 }));
    assert_eq!(call.now_or_never(), Some(7));
    assert_eq!(runtime.spawned(), 0);
}

#[test]
fn a_call_dropped_after_its_first_poll_runs_to_its_end() {
    let runtime = Arc::new(Recorder::default());
    let (start, started) = oneshot::channel();
    let (end, mut ended) = oneshot::channel();
    let mut call = deliver(
        runtime.clone(),
        Box::pin(async move {
            started.await.unwrap();
            end.send(()).unwrap();
        }),
    );
    assert_eq!((&mut call).now_or_never(), None);
    drop(call);
    assert_eq!(runtime.spawned(), 1);
    start.send(()).unwrap();
    runtime.run();
    assert_eq!(ended.try_recv().unwrap(), Some(()));
}

#[test]
fn a_call_that_was_never_polled_is_only_dropped() {
    let runtime = Arc::new(Recorder::default());
    drop(deliver(runtime.clone(), Box::pin(async {})));
    assert_eq!(runtime.spawned(), 0);
}

#[test]
fn a_call_dropped_while_its_owner_unwinds_runs_to_its_end() {
    let runtime = Arc::new(Recorder::default());
    let mut call = deliver(runtime.clone(), Box::pin(pending::<()>()));
    let outcome = catch_unwind(AssertUnwindSafe(move || {
        assert_eq!((&mut call).now_or_never(), None);
        panic!("the owner's own mishap");
    }));
    assert!(outcome.is_err());
    assert_eq!(runtime.spawned(), 1);
}

#[test]
fn a_call_that_panicked_itself_is_not_run_again() {
    let runtime = Arc::new(Recorder::default());
    let call: Deliver<()> = deliver(runtime.clone(), Box::pin(async { panic!("a fault in the call") }));
    assert!(catch_unwind(AssertUnwindSafe(|| call.now_or_never())).is_err());
    assert_eq!(runtime.spawned(), 0);
}

/// Keeps what is spawned until it is told to run it.
#[derive(Default)]
struct Recorder(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Recorder {
    fn spawned(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn run(&self) {
        for task in self.0.lock().unwrap().drain(..) {
            assert_eq!(task.now_or_never(), Some(()), "the task waits for something");
        }
    }
}

impl Runtime for Recorder {
    fn now(&self) -> Moment {
        Moment::default()
    }

    fn sleep_until(&self, _: Moment) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(task);
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn random(&self) -> u64 {
        0
    }
}
