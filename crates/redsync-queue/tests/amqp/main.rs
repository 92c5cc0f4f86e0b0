//! Locks and jobs through a real broker that speaks AMQP: the one that `AMQP_URL` names, and otherwise a RabbitMQ of the
//! tests' own.
#![cfg(feature = "amqp")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod again;
mod consuming;
mod dead_letters;
mod jobs;
mod publishing;
mod shop;
