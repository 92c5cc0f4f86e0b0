//! [`Task`]: extends the locks of the book when they fall due.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{FutureExt, Stream, stream::FuturesUnordered};

use super::{book::Rest, flight::Flight};
use crate::{BoxFuture, Moment, redsync::World};

/// The one background task that extends locks.
pub(super) struct Task {
    world: Arc<World>,
    in_flight: FuturesUnordered<BoxFuture<'static, ()>>,
    timer: Option<(Moment, BoxFuture<'static, ()>)>,
    has_ended: bool,
}

impl Task {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world, in_flight: FuturesUnordered::new(), timer: None, has_ended: false }
    }

    /// Begins what is due, all of it before anything is waited for, so that the requests go together.
    fn take_off(&mut self) {
        let mut book = self.world.renewals.book();
        book.wake_up();
        let due = book.take_due(self.world.runtime.now());
        drop(book);
        for (id, lock) in due {
            let flight = AssertUnwindSafe(Flight::new(&self.world, id, lock).run());
            // A node that panics takes down no other lock's renewal. The panic has been reported where it happened.
            self.in_flight.push(Box::pin(flight.catch_unwind().map(drop)));
        }
    }

    fn land(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(())) = Pin::new(&mut self.in_flight).poll_next(cx) {}
    }

    fn poll_timer(&mut self, at: Moment, cx: &mut Context<'_>) -> Poll<()> {
        let set = self.timer.take().filter(|(set, _)| *set == at);
        let (at, mut timer) = set.unwrap_or_else(|| (at, self.world.runtime.sleep_until(at)));
        let poll = timer.as_mut().poll(cx);
        self.timer = poll.is_pending().then_some((at, timer));
        poll
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.take_off();
            self.land(cx);
            let rest = self.world.renewals.book().rest(cx.waker(), !self.in_flight.is_empty());
            match rest {
                Rest::End => {
                    self.has_ended = true;
                    return Poll::Ready(());
                }
                Rest::Until(Some(at)) if self.poll_timer(at, cx).is_ready() => {}
                Rest::Until(Some(_)) => return Poll::Pending,
                Rest::Until(None) => {
                    self.timer = None;
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Drop for Task {
    /// A runtime that shuts down drops its tasks unfinished. Whoever keeps a lock in another one begins a new task there;
    /// otherwise the next lock that is to be extended does.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // While the book still takes the task for running, so that what the extensions leave spawns nothing here.
        self.in_flight.clear();
        let abandoned = self.world.renewals.book().abandon();
        abandoned.iter().for_each(|lock| lock.held.stir());
    }
}
