//! Real brokers for tests, and a proxy to stand before one.
//!
//! Each listens on ports of 127.0.0.1 that were free, keeps its data in a temporary directory, and is killed when it is
//! dropped, or when the process that has started it ends in any other way. Redis comes from `redsync-testkit`.

mod nats;
mod proxy;
mod rabbitmq;
mod run;
mod watchdog;

pub use nats::Nats;
pub use proxy::Proxy;
pub use rabbitmq::RabbitMq;
