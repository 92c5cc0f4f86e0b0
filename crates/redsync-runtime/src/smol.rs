//! [`SmolRuntime`].

use std::time::SystemTime;

use redsync_core::{BoxFuture, Moment, Runtime};

use crate::clock;

/// Runs background work on smol's global executor, which starts with its first task.
#[derive(Clone, Copy, Debug, Default)]
pub struct SmolRuntime;

impl Runtime for SmolRuntime {
    fn now(&self) -> Moment {
        clock::now()
    }

    /// Resolves when the time that remains until `at` has passed on smol's own clock, which stands still
    /// while the machine is suspended.
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let remaining = at.since(clock::now());
        if remaining.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        Box::pin(async move {
            smol::Timer::after(remaining).await;
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        smol::spawn(task).detach();
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u64 {
        rand::random()
    }
}
