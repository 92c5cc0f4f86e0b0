//! Queues in NATS JetStream, over the user's own client of `async-nats`.
//!
//! A [`Publisher`] puts messages into the stream of a subject, a [`Consumer`] takes them out of a pull consumer, and what it
//! takes out is a [`Delivery`].
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use async_nats::jetstream::consumer::PullConsumer;
//! use redsync_core::{Guard, Redsync};
//! use redsync_queue::{Worker, hand_over_to, nats::{Consumer, Publisher}};
//!
//! # async fn example(guard: Guard, redsync: Redsync) -> Result<(), async_nats::Error> {
//! let jetstream = async_nats::jetstream::new(async_nats::connect("nats://127.0.0.1").await?);
//!
//! // The handler.
//! let publisher = Publisher::new(jetstream.clone(), "reports.jobs");
//! hand_over_to(guard, Duration::from_secs(600), &publisher, "1138").await?;
//!
//! // The worker.
//! let pull: PullConsumer = jetstream.get_stream("reports").await?.get_consumer("workers").await?;
//! let mut consumer = Consumer::new(pull, Publisher::new(jetstream, "dead.reports"))?;
//! let worker = Worker::new(redsync);
//! while let Some(message) = consumer.receive().await? {
//!     let print = |_| async { std::fs::write("report", message.body()) };
//!     let processed = worker.process(&message, print).await;
//!     tracing::info!(?processed);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # At the server
//!
//! - The stream keeps its messages in files. Retention by work queue removes a message once it is acknowledged; retention
//!   by limits keeps it. Retention by interest is none for jobs: where no consumer is known, the stream confirms a message
//!   and drops it.
//! - Where the stream has limits, it is to refuse new messages (`DiscardPolicy::New`) and not to drop old ones, and its
//!   `max_age` is longer than any job waits. By default a single server writes a message down before it confirms it, but
//!   leaves the time of the flush to disk to its `sync_interval`: for what has to outlive the machine there are replicas.
//! - The consumer is durable, acknowledges explicitly, and has no `max_deliver`, or a large one: each time that a message
//!   waits for another worker's lock is a delivery too, and after the last one nobody gets it.
//! - `ack_wait` is how long the server waits to hear of a message before it delivers it again. A worker reports three times
//!   as often, so that it may be short: some seconds, and longer than what a message needs to be settled.
//! - Dead letters have a subject of a stream of their own, which the consumer does not listen to.

mod consumer;
mod delivery;
mod error;
mod headers;
mod publisher;

pub use consumer::Consumer;
pub use delivery::Delivery;
pub use error::Error;
pub use publisher::Publisher;
