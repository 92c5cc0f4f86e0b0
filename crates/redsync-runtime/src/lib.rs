//! The async runtimes that bring time, timers, tasks and random bits to `redsync-core`, and what drivers
//! share on top of them: [`Wired`] makes a node of a [`Transport`], over a [`Link`] where the connection is the
//! driver's own; [`deliver`] and [`Backlog`] keep what was sent from being lost or piling up.
//!
//! The features `tokio` and `smol` each add one; with both, [`locate`] picks the one that the calling
//! thread runs in. Applications get this crate through a driver crate such as `redsync-redis-rs`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod backlog;
#[cfg(any(feature = "tokio", feature = "smol"))]
mod clock;
mod connect;
mod deliver;
mod link;
mod locate;
mod redact;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "tokio")]
mod tokio;
mod watch;
mod wired;

#[cfg(feature = "smol")]
pub use self::smol::SmolRuntime;
#[cfg(feature = "tokio")]
pub use self::tokio::TokioRuntime;
pub use backlog::{Backlog, Place};
pub use connect::{ConnectError, link_all};
pub use deliver::{Deliver, deliver};
pub use link::{CONNECT_TIMEOUT, KEEPALIVE, Lent, Link, SILENCE, Source};
pub use locate::{NoRuntime, locate};
pub use redact::{has_credentials, redact};
pub use watch::{Ears, Tracked, Watcher};
pub use wired::{Transport, Wired};
