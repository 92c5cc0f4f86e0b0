//! A runtime that counts the timers that are set.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use redsync_core::{BoxFuture, Moment, Runtime};
use redsync_testkit::virtual_time::VirtualRuntime;

#[derive(Clone)]
pub struct Counting {
    inner: VirtualRuntime,
    timers: Arc<AtomicUsize>,
}

struct Timer(Arc<AtomicUsize>);

impl Counting {
    pub fn new(inner: VirtualRuntime) -> Self {
        Self { inner, timers: Arc::default() }
    }

    pub fn shared(&self) -> Arc<dyn Runtime> {
        Arc::new(self.clone())
    }

    pub fn timers(&self) -> usize {
        self.timers.load(Ordering::SeqCst)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Runtime for Counting {
    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.timers.fetch_add(1, Ordering::SeqCst);
        let (timer, sleep) = (Timer(Arc::clone(&self.timers)), self.inner.sleep_until(at));
        Box::pin(async move {
            sleep.await;
            drop(timer);
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.inner.spawn(task);
    }

    fn wall_clock(&self) -> SystemTime {
        self.inner.wall_clock()
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }
}
