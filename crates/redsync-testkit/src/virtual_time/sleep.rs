//! The future behind `sleep_until`.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use redsync_core::Moment;

use super::{Inner, timers::TimerKey};

/// Resolves when the clock has reached a moment. The timer is set by the first poll and given back on drop.
pub(super) struct Sleep {
    runtime: Arc<Inner>,
    at: Moment,
    timer: Option<TimerKey>,
}

impl Sleep {
    pub(super) fn new(runtime: Arc<Inner>, at: Moment) -> Self {
        Self { runtime, at, timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let runtime = Arc::clone(&self.runtime);
        let mut clock = runtime.clock();
        if clock.now >= self.at {
            return Poll::Ready(());
        }
        let replaced = match self.timer {
            Some(key) => clock.timers.replace(key, cx.waker()),
            None => {
                self.timer = Some(clock.timers.set(self.at, cx.waker().clone()));
                None
            }
        };
        drop(clock);
        // Only now: dropping the waker may drop futures that lock the clock.
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            let removed = self.runtime.clock().timers.remove(key);
            drop(removed);
        }
    }
}
