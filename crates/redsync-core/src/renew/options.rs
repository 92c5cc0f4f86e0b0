//! The options of renewal.

use std::time::Duration;

use crate::Mutex;

/// Options of what goes on while the lock is held.
impl Mutex {
    /// Whether the lock is extended in the background for as long as its guard has it. By default not.
    ///
    /// It is extended a third of its TTL after it was taken or last extended, and after a failure again and again
    /// within its validity. No such request begins once the lock is given back or lost, or has reached
    /// [`max_hold`](Self::max_hold). All locks of a [`Redsync`](crate::Redsync) share one task and one timer.
    /// [`Guard::lost`](crate::Guard::lost) tells when it was to no avail, [`Guard::keep`](crate::Guard::keep) runs work for as long as it is not.
    ///
    /// The task runs on the runtime where one of these locks was first to be extended, so a program with several runtimes
    /// builds a `Redsync` for each (`TokioRuntime` says more). A runtime that ends takes the renewal with it until the next
    /// lock with this option is taken; only work under [`Guard::keep`](crate::Guard::keep) in another one takes it over before.
    ///
    /// Nodes that are found without the key get it back, as long as a quorum has it. A lock that a quorum has no more
    /// is lost, unless it [may be revived](Self::revive_on_extend). A [fixed value](Self::with_value) is extended only
    /// where it is known to stand, since it may be a rival's elsewhere.
    ///
    /// ```
    /// use std::time::Duration;
    /// use redsync_core::Loss;
    /// # use redsync_core::Redsync;
    /// # use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};
    /// # let runtime = VirtualRuntime::new(7);
    /// # let node = MemoryNode::new(runtime.shared());
    /// # let redsync = Redsync::builder(runtime.shared()).node(node.clone()).build()?;
    /// # runtime.block_on(async {
    /// let mutex = redsync.mutex("report:7").auto_extend(true).max_hold(Duration::from_secs(600));
    /// let guard = mutex.lock().await?;
    /// # drop(node);
    /// assert_eq!(guard.lost().await, Loss::LimitReached);
    /// # Ok::<_, redsync_core::Error>(())
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn auto_extend(self, extend: bool) -> Self {
        self.with(|options| options.auto_extend = extend)
    }

    /// The longest that the lock is kept up in the background, counted from when the guard was made. By default there
    /// is no limit.
    ///
    /// When it is reached, [`auto_extend`](Self::auto_extend) and [`Guard::keep`](crate::Guard::keep) extend the lock no more, and
    /// [`Guard::lost`](crate::Guard::lost) tells [`Loss::LimitReached`](crate::Loss::LimitReached). The guard stays valid for what is left
    /// of its validity, and [`Guard::extend`](crate::Guard::extend) goes on to do what it is told.
    #[must_use]
    pub fn max_hold(self, limit: Duration) -> Self {
        self.with(|options| options.max_hold = Some(limit))
    }

    /// How long before the end of its validity a lock is told to be lost, by [`Guard::lost`](crate::Guard::lost) and [`Guard::keep`](crate::Guard::keep). By
    /// default the smaller of TTL × 0.05 and 1 s, and at most half of the validity.
    ///
    /// It is the time that work has to stop in: what it sent last must have arrived when the validity is over. That is
    /// why the default is that of the [node time-out](Self::node_timeout), which is the time given to a request
    /// everywhere else. It has to cover, too, how late a timer fires on a loaded machine.
    #[must_use]
    pub fn loss_margin(self, margin: Duration) -> Self {
        self.with(|options| options.loss_margin = Some(margin))
    }
}
