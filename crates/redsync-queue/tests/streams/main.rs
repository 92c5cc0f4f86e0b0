//! Jobs in Redis streams, on a real server: the handler goes by one driver, the worker by the other.
#![cfg(all(unix, feature = "streams"))]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod jobs;
mod place;
mod publishing;
mod reading;
mod settling;
