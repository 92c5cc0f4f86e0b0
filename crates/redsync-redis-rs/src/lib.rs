//! Distributed locks on Redis and Valkey by the Redlock algorithm, over the [`redis`] crate.
//!
//! ```
//! use std::{error::Error, time::Duration};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
//!     let servers = ["redis://10.0.0.1", "redis://10.0.0.2", "redis://10.0.0.3"];
//! #   let here = redsync_testkit::server::Servers::start(3)?;
//! #   let servers = here.urls();
//!     let redsync = redsync_redis_rs::connect(servers).await?;
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
//! connection of its own ([`RedisNode::open`], [`RedisNode::from_client`]) or over what the application
//! has already: a connection, a `ConnectionManager`, a cluster connection, a sentinel client or a pool.
//! The `redis` crate is re-exported too, so that its version can be matched.
//!
//! # Features
//!
//! - `tokio` (default) and `smol`: the async runtimes. With both, a thread in a Tokio runtime uses that one
//!   and any other smol, as in the `redis` crate.
//! - `cluster`, `sentinel`, `connection-manager`: more kinds of connections.
//! - `tokio-rustls`, `tokio-native-tls`, `smol-rustls`, `smol-native-tls`: `rediss://` URLs. Where `smol` is
//!   on, any TLS needs one of the latter two, or the `redis` crate does not compile. With rustls the
//!   application installs a crypto provider before it connects, as the `redis` crate asks for.
//! - `webpki-roots`: rustls trusts Mozilla's certificates instead of the system's.
//! - `serde`: a [`LockToken`] can be a part of any message. `signed`: it can be signed, so that none can be forged.
//! - `metrics`: figures for the facade of that name; the module `metrics` lists them.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "tokio", feature = "smol")))]
compile_error!("redsync-redis-rs needs an async runtime: enable its feature `tokio` or `smol`");

mod address;
mod connect;
mod connection;
mod convert;
mod link;
mod node;

pub use connect::{ConnectError, connect, nodes, with_nodes};
pub use connection::Connection;
pub use node::RedisNode;
pub use redis;
pub use redsync_core::*;
pub use redsync_runtime as runtime;

/// The README's examples compile.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../../README.md")]
mod readme {}

/// So do those of the README of this crate.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme_of_the_crate {}
