//! [`deliver`]: a future that runs to its end even when it is dropped on the way.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use redsync_core::{BoxFuture, Runtime};

/// Polls `future` in place, and hands it to `runtime` if it is dropped between its first poll and its end.
///
/// A Redis client may discard a request that is still queued when its future is dropped. Spawning each
/// call would prevent that too, but costs a task per call; this costs one only when it is needed.
///
/// # Cancel safety
///
/// A dropped future goes on in the background once it was polled; one that never was is only dropped.
pub fn deliver<T: 'static>(runtime: Arc<dyn Runtime>, future: BoxFuture<'static, T>) -> Deliver<T> {
    Deliver { future: Some(future), polled: false, runtime }
}

/// The future of [`deliver`].
#[must_use = "futures do nothing unless they are polled"]
pub struct Deliver<T: 'static> {
    /// Gone once it has ended or panicked.
    future: Option<BoxFuture<'static, T>>,
    polled: bool,
    runtime: Arc<dyn Runtime>,
}

impl<T: 'static> Future for Deliver<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.polled = true;
        // Taken out, so that a future that panics is not polled again in the background.
        let Some(mut future) = self.future.take() else { return Poll::Pending };
        let poll = future.as_mut().poll(context);
        if poll.is_pending() {
            self.future = Some(future);
        }
        poll
    }
}

impl<T: 'static> Drop for Deliver<T> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take().filter(|_| self.polled) {
            self.runtime.spawn(Box::pin(async move {
                future.await;
            }));
        }
    }
}

#[cfg(test)]
mod tests;
