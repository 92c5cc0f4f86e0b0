//! [`Few`]: some futures at once.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// As many futures as there are nodes, or a few more. They are few, so that to poll all of them is quicker than to keep book
/// of which was woken.
#[derive(Debug)]
pub(crate) struct Few<F>(Vec<F>);

impl<F: Future + Unpin> Few<F> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// With room for so many.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn push(&mut self, future: F) {
        self.0.push(future);
    }

    /// The output of the first one that has come to its end, which is taken out. While there is none, each has been polled.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        for (index, future) in self.0.iter_mut().enumerate() {
            if let Poll::Ready(output) = Pin::new(future).poll(cx) {
                drop(self.0.remove(index));
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    }
}
