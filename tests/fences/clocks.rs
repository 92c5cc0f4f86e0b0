//! [`Skewed`]: a runtime whose wall clock is wrong.

use std::time::{Duration, SystemTime};

use redsync_core::{BoxFuture, Moment, Runtime};
use redsync_redis_rs::runtime::TokioRuntime;

/// Tokio with a wall clock of its own.
pub(crate) struct Skewed {
    tokio: TokioRuntime,
    ahead: i64,
}

impl Skewed {
    /// A wall clock that is ahead by so many seconds, or behind.
    pub(crate) fn by_seconds(ahead: i64) -> Self {
        Self { tokio: TokioRuntime::current().expect("the test's own"), ahead }
    }
}

impl Runtime for Skewed {
    fn now(&self) -> Moment {
        self.tokio.now()
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.tokio.sleep_until(at)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tokio.spawn(task);
    }

    fn wall_clock(&self) -> SystemTime {
        let (now, by) = (self.tokio.wall_clock(), Duration::from_secs(self.ahead.unsigned_abs()));
        if self.ahead < 0 { now - by } else { now + by }
    }

    fn random(&self) -> u64 {
        self.tokio.random()
    }
}

/// The clock by which locks are valid, which all rivals share.
pub(crate) fn now() -> Moment {
    TokioRuntime::current().expect("the test's own").now()
}
