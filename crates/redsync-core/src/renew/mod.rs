//! Renewal: what goes on while a lock is held.
//!
//! All locks of a [`Redsync`](crate::Redsync) that are to be extended stand in one [`Book`], and one [`Task`] with one
//! timer extends them. It begins when there is something to extend, and ends when there is nothing. A lock at rest
//! costs its entry, and no task and no timer. One that is being extended has what any call has, beside the others,
//! so that none waits for another.
//!
//! The task runs where something was to be extended first. When that runtime ends before the task does, the task wakes
//! whoever keeps work under one of its locks, in other runtimes too, and the first of them to look begins a new one.
//!
//! Whether a lock is lost by time is left to nobody's reply and to no task: [`Lost`] has a timer of its own and goes by
//! the clock.

mod book;
mod flight;
mod keep;
mod lock;
mod lost;
mod options;
mod task;
mod terms;
mod watch;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

pub use lost::Lost;
pub(crate) use watch::Watch;

use self::{
    book::{Book, Nudge},
    task::Task,
};
use crate::redsync::World;

/// The locks of one [`Redsync`](crate::Redsync) that are extended in the background.
#[derive(Default)]
pub(crate) struct Renewals {
    book: Mutex<Book>,
    guards: AtomicU64,
}

impl Renewals {
    /// A number for a guard, by which its lock stands in the book.
    fn next_id(&self) -> u64 {
        self.guards.fetch_add(1, Ordering::Relaxed)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing panics while it holds this lock.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Changes the book, and calls the task if it has to know.
    fn with_book<T>(self: &Arc<Self>, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.renewals.book();
        let result = change(&mut book);
        let nudge = book.nudge();
        drop(book);
        match nudge {
            Nudge::Wake(waker) => waker.wake(),
            Nudge::Spawn => self.runtime.spawn(Box::pin(Task::new(Arc::clone(self)))),
            Nudge::Nothing => {}
        }
        result
    }
}
