//! [`TokioRuntime`].

use std::{sync::Arc, time::SystemTime};

use redsync_core::{BoxFuture, Moment, Runtime};
use tokio::runtime::Handle;

use crate::{NoRuntime, clock};

/// Runs background work on a Tokio runtime, whose time driver must be enabled (`enable_all` does).
///
/// Work runs on the runtime that the calling thread is in, and ends with it: a guard that is dropped in a
/// runtime of its own that ends at once is released by its TTL only. `Redsync::settled` waits for such work.
///
/// # Several runtimes
///
/// The locks of one `Redsync` and its clones are extended by one task, on the runtime where one of them was first to
/// be extended. While that runtime is blocked, or nobody drives it, none of them is extended, whichever runtime it is
/// held in. So a program with several runtimes, such as one for each worker thread, builds a `Redsync` for each.
///
/// When that runtime ends, the locks under a `Guard::keep` in another one are still extended, by a task there, and the
/// others with them. Where there is no such work, locks with `auto_extend` are extended no more until the next one is
/// taken.
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    captured: Handle,
}

impl TokioRuntime {
    /// Captures the Tokio runtime that the calling thread is in.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] outside of a Tokio runtime.
    pub fn current() -> Result<Self, NoRuntime> {
        Handle::try_current().map(Self::from).map_err(|_| NoRuntime)
    }

    /// Captures it for a client that runs on Tokio only, also where [`locate`](crate::locate) knows another one.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] outside of a Tokio runtime.
    pub fn shared() -> Result<Arc<dyn Runtime>, NoRuntime> {
        Ok(Arc::new(Self::current()?))
    }

    /// The runtime that the calling thread is in, else the captured one.
    ///
    /// The captured one may have been shut down since, as in a program with a runtime per test.
    fn handle(&self) -> Handle {
        Handle::try_current().unwrap_or_else(|_| self.captured.clone())
    }
}

impl From<Handle> for TokioRuntime {
    fn from(captured: Handle) -> Self {
        Self { captured }
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Moment {
        clock::now()
    }

    /// Resolves when the time that remains until `at` has passed on Tokio's own clock, which stands still
    /// while the machine is suspended.
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let remaining = at.since(clock::now());
        if remaining.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let handle = self.handle();
        // A timer finds its runtime where it is made, which may be a thread outside of any.
        let _entered = handle.enter();
        Box::pin(tokio::time::sleep(remaining))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // Its handle is dropped, which detaches the task. A runtime that was shut down drops the task.
        drop(self.handle().spawn(task));
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u64 {
        rand::random()
    }
}
