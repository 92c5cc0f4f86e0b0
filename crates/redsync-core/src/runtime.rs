//! [`Runtime`]: what the core asks of the world besides Redis.

use std::{future::Future, pin::Pin, time::SystemTime};

use crate::Moment;

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Time, timers, tasks and random bits.
///
/// The driver crates bring one for their async runtime; tests bring one with a clock of their own.
pub trait Runtime: Send + Sync + 'static {
    /// The current moment of a monotonic clock.
    ///
    /// The clock should go on counting while the machine is suspended, because the servers' clocks do.
    fn now(&self) -> Moment;

    /// Resolves at `at` or shortly after it; at once when `at` has passed.
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()>;

    /// Runs `task` in the background until it ends.
    ///
    /// It is called from destructors, so it must neither block, nor panic, nor poll the task itself, whatever thread it is called on.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// The wall clock, for figures that people read. Nothing is decided by it.
    fn wall_clock(&self) -> SystemTime;

    /// 64 random bits. Lock values are made of them, and a lock value is a capability, so outside of
    /// tests they must come from a cryptographically secure generator.
    fn random(&self) -> u64;
}
