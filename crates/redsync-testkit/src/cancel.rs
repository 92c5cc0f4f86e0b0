//! Dropping a future at each of its await points.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Polls `future` so many times and then drops it; returns its output if it was ready before that.
///
/// Called with 0, 1, 2 and so on until there is an output, it drops a future at each of its await points.
///
/// ```
/// # redsync_testkit::virtual_time::VirtualRuntime::new(0).block_on(async {
/// use redsync_testkit::cancel::drop_after;
///
/// assert_eq!(drop_after(0, async { 7 }).await, None);
/// assert_eq!(drop_after(1, async { 7 }).await, Some(7));
/// # });
/// ```
///
/// # Cancel safety
///
/// Dropping it drops `future`.
pub async fn drop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|cx| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}
