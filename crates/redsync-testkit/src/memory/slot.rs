//! The place where a caller waits for the outcome of its call.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use redsync_core::{NodeError, Reply};

use crate::virtual_time::lock;

/// What a call comes to.
pub(super) type Outcome = Result<Reply, NodeError>;

/// Both ends of one call: the server resolves one clone, the caller awaits the other.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

impl Slot {
    /// Hands over the outcome; nobody may be waiting for it any more.
    pub(super) fn resolve(&self, outcome: Outcome) {
        let mut waiting = lock(&self.0);
        waiting.outcome = Some(outcome);
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Slot {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut waiting = lock(&self.0);
        if let Some(outcome) = waiting.outcome.take() {
            return Poll::Ready(outcome);
        }
        let replaced = waiting.waker.replace(cx.waker().clone());
        drop(waiting);
        drop(replaced);
        Poll::Pending
    }
}
