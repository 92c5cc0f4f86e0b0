//! [`Lost`]: resolves when a lock is lost.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use event_listener::EventListener;

use super::terms::{Standing, Terms};
use crate::{BoxFuture, Loss, Moment, Runtime, held::Held};

/// Resolves when a lock is lost, or about to be: what [`Guard::lost`](crate::Guard::lost) returns.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Lost {
    runtime: Arc<dyn Runtime>,
    held: Arc<Held>,
    terms: Terms,
    on_loss: Option<EventListener>,
    timer: Option<(Moment, BoxFuture<'static, ()>)>,
}

impl Lost {
    pub(super) fn new(runtime: Arc<dyn Runtime>, held: Arc<Held>, terms: Terms) -> Self {
        Self { runtime, held, terms, on_loss: None, timer: None }
    }

    /// Whether something may have changed.
    fn poll_change(&mut self, until: Moment, cx: &mut Context<'_>) -> Poll<()> {
        let on_loss = self.on_loss.get_or_insert_with(|| self.held.on_loss());
        if Pin::new(on_loss).poll(cx).is_ready() {
            self.on_loss = None;
            return Poll::Ready(());
        }
        // One for an earlier moment stays: the lock may have been extended since, and need not be waited for in
        // steps any finer than that.
        let set = self.timer.take().filter(|(set, _)| *set <= until);
        let (at, mut timer) = set.unwrap_or_else(|| (until, self.runtime.sleep_until(until)));
        let poll = timer.as_mut().poll(cx);
        self.timer = poll.is_pending().then_some((at, timer));
        poll
    }
}

impl Future for Lost {
    type Output = Loss;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Loss> {
        loop {
            // Listens before it looks, so that nothing is missed in between.
            if self.on_loss.is_none() {
                self.on_loss = Some(self.held.on_loss());
            }
            match self.terms.standing(&self.held, self.runtime.now()) {
                Standing::Lost(loss) => {
                    self.held.told(loss);
                    return Poll::Ready(loss);
                }
                Standing::HeldUntil(until) if self.poll_change(until, cx).is_ready() => {}
                Standing::HeldUntil(_) => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lost").field("name", &self.held.name).finish_non_exhaustive()
    }
}
