//! Distributed locks on Redis and Valkey over the [`redis`] crate.
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

#[cfg(not(any(feature = "tokio", feature = "smol")))]
compile_error!("redsync-redis-rs needs an async runtime: enable its feature `tokio` or `smol`");

mod address;
mod connect;
mod connection;
mod convert;
mod link;
mod node;

pub use connect::{ConnectError, connect, nodes};
pub use connection::Connection;
pub use node::RedisNode;
pub use redis;
pub use redsync_core::*;
pub use redsync_runtime as runtime;

/// The README's examples compile.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../../README.md")]
mod readme {}
