//! What a worker makes of a message, by a broker that does as it is told, on a virtual clock.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod attempts;
mod handlers;
mod settling;
mod slip;
mod without;
