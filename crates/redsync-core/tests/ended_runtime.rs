//! A runtime that ends takes its tasks with it, but not the renewal of what is kept in another one.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

mod common;

use std::{
    cell::Cell,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::{Duration, SystemTime},
};

use common::{Quorum, TTL, ms};
use futures_util::future::join3;
use redsync_core::{BoxFuture, Guard, Loss, Moment, Redsync, Runtime};
use redsync_testkit::virtual_time::VirtualRuntime;

/// A third of the TTL, after which a lock is extended.
const PACE: Duration = Duration::from_nanos(2_666_666_666);

async fn sleep(quorum: &Quorum, duration: Duration) {
    quorum.runtime.sleep_until(quorum.runtime.now().plus(duration)).await;
}

/// A lock whose renewal begins first, in a task that those of later locks share.
async fn first(redsync: &Redsync) -> Guard {
    redsync.mutex("first").auto_extend(true).lock().await.expect("free")
}

/// Ends a runtime: at once, or later from one of its tasks, so that nobody else is woken by that.
fn drop_tasks_after(wait: Duration, runtime: &VirtualRuntime) {
    if wait.is_zero() {
        return runtime.drop_tasks();
    }
    let (ending, at) = (runtime.clone(), runtime.now().plus(wait));
    runtime.spawn(Box::pin(async move {
        ending.sleep_until(at).await;
        ending.drop_tasks();
    }));
}

#[test]
fn what_is_kept_is_extended_by_a_new_task() {
    // Before the first turn of the task, at rest, and with an extension on its way; begun by another lock or by this one.
    let in_flight = PACE + Duration::from_micros(500);
    for (wait, is_first) in [(ms(0), false), (ms(1000), false), (ms(1000), true), (in_flight, false)] {
        let quorum = Quorum::of(3);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.settle();
        let work = async {
            drop_tasks_after(wait, &quorum.runtime);
            sleep(&quorum, TTL * 3).await;
        };
        let first = quorum.block_on(async {
            let first = if is_first { None } else { Some(first(&quorum.redsync).await) };
            guard.keep(work).await.expect("its own runtime goes on");
            first
        });
        assert!(first.as_ref().is_none_or(Guard::is_valid), "after {wait:?}: one task extends both");
        drop((first, guard));
        quorum.settle();
        assert_eq!((quorum.keys_left(), quorum.runtime.tasks_alive()), (0, 0), "after {wait:?}");
    }
}

#[test]
fn nobody_turns_in_circles_where_nothing_can_be_spawned_any_more() {
    let quorum = Quorum::of(3);
    let closing = Closing { inner: quorum.runtime.clone(), is_closed: Arc::default() };
    let redsync = Redsync::builder(Arc::new(closing.clone())).nodes(quorum.nodes.iter().cloned());
    let redsync = redsync.build().expect("a valid quorum");
    let first = quorum.block_on(first(&redsync));
    let lock = |name| quorum.block_on(redsync.mutex(name).lock()).expect("free");
    let (one, other) = (lock("one"), lock("other"));
    let turns = Cell::new(0);
    let work = || {
        poll_fn(|_| {
            turns.set(turns.get() + 1);
            Poll::<()>::Pending
        })
    };
    let close = async {
        sleep(&quorum, ms(1000)).await;
        closing.close();
    };
    let (one_kept, other_kept, ()) = quorum.block_on(join3(one.keep(work()), other.keep(work()), close));
    for kept in [one_kept, other_kept] {
        assert_eq!(kept.expect_err("nothing extends it").loss(), Loss::Expiring);
    }
    assert!(turns.get() < 20, "{}", turns.get());
    drop((first, one, other));
}

/// A runtime that can be shut down, from when on it drops what it is to run.
#[derive(Clone)]
struct Closing {
    inner: VirtualRuntime,
    is_closed: Arc<AtomicBool>,
}

impl Closing {
    fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.inner.drop_tasks();
    }
}

impl Runtime for Closing {
    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.inner.sleep_until(at)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        if !self.is_closed.load(Ordering::SeqCst) {
            self.inner.spawn(task);
        }
    }

    fn wall_clock(&self) -> SystemTime {
        self.inner.wall_clock()
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }
}
