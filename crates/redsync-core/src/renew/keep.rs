//! [`Guard::lost`] and [`Guard::keep`]: work under a lock.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use super::Lost;
use crate::{Guard, LostError};

/// Work under the lock.
impl Guard {
    /// Resolves when the lock is lost, and says why. It can be moved to another task, and outlive the guard.
    ///
    /// It resolves [`loss_margin`](crate::Mutex::loss_margin) before the validity ends, by a timer of its own, whether or
    /// not any node answers and whatever becomes of the renewal; earlier when an extension learns that the lock is
    /// gone, when [`max_hold`](crate::Mutex::max_hold) is reached, and when the guard is given back. Where the lock is
    /// extended meanwhile, it waits on. On its first poll it knows of a clock that has jumped ahead. Timers of most
    /// runtimes stand still while a machine is suspended; [`is_valid`](Self::is_valid) never errs.
    ///
    /// ```
    /// use redsync_core::Loss;
    /// # use redsync_core::Redsync;
    /// # use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};
    /// # let runtime = VirtualRuntime::new(7);
    /// # let redsync = Redsync::builder(runtime.shared()).node(MemoryNode::new(runtime.shared())).build()?;
    /// # runtime.block_on(async {
    /// let guard = redsync.mutex("report:7").lock().await?;
    /// let lost = guard.lost();
    /// guard.release().await?;
    /// assert_eq!(lost.await, Loss::GivenBack);
    /// # Ok::<_, redsync_core::Error>(())
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn lost(&self) -> Lost {
        self.watch.lost()
    }

    /// Runs `work` for as long as the lock is held, and extends the lock meanwhile, as
    /// [`auto_extend`](crate::Mutex::auto_extend) does.
    ///
    /// The work runs in place, so it may borrow. Whenever it wakes up, the lock is looked at first: work never goes on
    /// once the loss was due. What it does between two awaits is not interrupted.
    ///
    /// The renewal outlasts the end of the runtime that it ran on, as long as the one lasts that polls this future. One
    /// that is blocked holds it up all the same: a program with several runtimes builds a `Redsync` for each, as
    /// [`auto_extend`](crate::Mutex::auto_extend) says.
    ///
    /// ```
    /// # use redsync_core::Redsync;
    /// # use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};
    /// # let runtime = VirtualRuntime::new(7);
    /// # let redsync = Redsync::builder(runtime.shared()).node(MemoryNode::new(runtime.shared())).build()?;
    /// # runtime.block_on(async {
    /// let guard = redsync.mutex("report:7").lock().await?;
    /// let pages = guard.keep(async { 7 }).await?;
    /// guard.release().await?;
    /// assert_eq!(pages, 7);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`LostError`] when the lock is lost first, with the reason; `work` has been dropped. Where both are due at the same
    /// moment, the loss wins, since the lock is looked at first.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, so is `work`, and the lock is extended no more on its behalf.
    pub async fn keep<F: Future>(&self, work: F) -> Result<F::Output, LostError> {
        let (mut work, mut lost, mut wanted) = (pin!(work), self.lost(), None);
        let result = poll_fn(|cx| {
            if let Poll::Ready(loss) = Pin::new(&mut lost).poll(cx) {
                return Poll::Ready(Err(LostError::new(self.watch.name(), loss)));
            }
            match wanted {
                Some(_) => self.watch.go_on(),
                None => wanted = Some(self.watch.want()),
            }
            work.as_mut().poll(cx).map(Ok)
        });
        result.await
    }
}
