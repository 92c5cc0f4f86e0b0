//! Distributed locks on Redis and Valkey by the Redlock algorithm, over the [`fred`] crate.
//!
//! ```
//! use std::{error::Error, time::Duration};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
//!     let servers = ["redis://10.0.0.1", "redis://10.0.0.2", "redis://10.0.0.3"];
//! #   let here = redsync_testkit::server::Servers::start(3)?;
//! #   let servers = here.urls();
//!     let redsync = redsync_fred::connect(servers).await?;
//!
//!     // Work under a lock, which is extended for as long as the work takes.
//!     let guard = redsync.mutex("invoice:42").lock().await?;
//!     guard.keep(send_invoice()).await?; // an error means that the lock was lost, and the work stopped
//!     guard.release().await?;
//!
//!     // A lock can be taken in one process and released in another. In the handler: take it with a value of your choice,
//!     // and send the value with the job. It stays locked until the worker releases it, or the TTL is over.
//!     let report = redsync.mutex("report:7").ttl(Duration::from_secs(600)).with_value("job-1138");
//!     report.lock().await?.leave();
//!
//!     // In the worker, in any task, process or machine: release it with the same value.
//!     let report = redsync.mutex("report:7").ttl(Duration::from_secs(600)).with_value("job-1138");
//!     report.unlock().await?;
//!     Ok(())
//! }
//!
//! async fn send_invoice() {}
//! ```
//!
//! Start at [`connect`], [`Redsync::mutex`], [`Mutex::lock`] and [`Guard`]; what went wrong is told by
//! [`Error::kind`] and [`Error::nodes`]. What a lock does and does not guarantee stands in
//! [the book](https://github.com/redsync-rs/redsync/blob/main/docs/src/promises.md).
//!
//! # Connections
//!
//! [`RedisNode`] carries the requests of `redsync-core`, whose names this crate re-exports, over a
//! connection of its own ([`RedisNode::open`], [`RedisNode::from_config`]) or over a client or pool that the
//! application has already. Each of them may stand for a single server, a cluster, or the master that
//! sentinels name. The `fred` crate is re-exported too, so that its version can be matched.
//!
//! `fred` sends a command up to three times by default; the commands of locks go at most once, also over the
//! application's own clients. It runs on Tokio, and so do the locks here.
//!
//! # Features
//!
//! `rustls`, `rustls-ring` and `native-tls` allow for `rediss://` URLs, `unix-sockets` for `redis+unix://` ones,
//! and `sentinel-auth` for sentinels with a password. With `serde` a [`LockToken`] can be a part of any message; with
//! `signed` it can be signed, so that none can be forged. With `metrics` there are figures for the facade of
//! that name, which the module `metrics` lists.
//!
//! For a `rediss://` URL, rustls works with the crypto provider that the application has installed. Where there is
//! none, the first such URL installs one for the whole process, as rustls itself would: that of `rustls` (AWS-LC), or
//! else that of `rustls-ring`. With `native-tls` too, `fred` takes that.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod connect;
mod convert;
mod link;
mod node;
mod shared;

pub use connect::{ConnectError, connect, nodes, with_nodes};
pub use fred;
pub use node::RedisNode;
pub use redsync_core::*;
pub use redsync_runtime as runtime;
pub use shared::ShareError;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
