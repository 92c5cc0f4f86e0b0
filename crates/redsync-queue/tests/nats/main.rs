//! Locks and jobs through NATS JetStream, on real servers.
#![cfg(feature = "nats")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod consuming;
mod jobs;
mod lane;
mod publishing;
mod sent;
mod settling;
