//! The async runtimes that bring time, timers, tasks and random bits to `redsync-core`, and what drivers
//! share on top of them: [`deliver`] and [`Backlog`].
//!
//! The features `tokio` and `smol` each add one; with both, [`locate`] picks the one that the calling
//! thread runs in. Applications get this crate through a driver crate such as `redsync-redis-rs`.

mod backlog;
#[cfg(any(feature = "tokio", feature = "smol"))]
mod clock;
mod deliver;
mod locate;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "smol")]
pub use self::smol::SmolRuntime;
#[cfg(feature = "tokio")]
pub use self::tokio::TokioRuntime;
pub use backlog::{Backlog, Place};
pub use deliver::{Deliver, deliver};
pub use locate::{NoRuntime, locate};
