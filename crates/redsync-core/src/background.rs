//! [`Tasks`]: counts what goes on in the background, so that it can be waited for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use event_listener::Event;

/// The background tasks of one [`Redsync`](crate::Redsync).
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    running: AtomicUsize,
    one_ended: Event,
}

/// Stands for one running task.
pub(crate) struct Running(Arc<Tasks>);

impl Tasks {
    pub(crate) fn start(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        Running(Arc::clone(self))
    }

    /// Resolves when no task is running.
    pub(crate) async fn settled(&self) {
        loop {
            let one_ended = self.one_ended.listen();
            if self.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            one_ended.await;
        }
    }
}

impl Drop for Running {
    /// Counts on the destructor, since a runtime that shuts down drops its tasks unfinished.
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.one_ended.notify(usize::MAX);
    }
}
