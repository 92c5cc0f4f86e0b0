//! A queue on a broker that speaks AMQP 0-9-1, such as RabbitMQ, over the application's own connection of [`lapin`].
//!
//! Which runtime and which TLS that uses is up to the features that the application asks of `lapin`.
//!
//! ```no_run
//! # async fn run(redsync: redsync_core::Redsync, guard: redsync_core::Guard) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use lapin::{Connection, ConnectionProperties};
//! use redsync_queue::{Worker, amqp::{Consumer, Publisher, Subscription}, hand_over_to};
//!
//! let connection = Connection::connect("amqp://localhost", ConnectionProperties::default()).await?;
//!
//! // Where the job comes from:
//! let publisher = Publisher::new(&connection, "", "reports").await?;
//! hand_over_to(guard, Duration::from_secs(600), &publisher, "report 7").await?;
//!
//! // Where it is done:
//! let worker = Worker::new(redsync.clone());
//! let subscription = Subscription::new("reports", "reports-dead").prefetch(4);
//! let mut consumer = Consumer::new(&connection, &subscription, redsync.runtime().clone()).await?;
//! while let Some(job) = consumer.receive().await? {
//!     let processed = worker.process(&job, |_work| async { Ok::<_, std::io::Error>(()) }).await;
//!     processed.told?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What to set up at the broker
//!
//! Nothing is declared here. Both queues have to be there, and *durable*, or else a restart of the broker loses what it has
//! confirmed; quorum queues also outlive the loss of one machine.
//!
//! - **`consumer_timeout`** (RabbitMQ: 30 minutes, or a queue's own `x-consumer-timeout`): how long a message may be
//!   unacknowledged. It cannot be renewed, so it has to be longer than the longest job, and than the longest wait of a
//!   message that is to be delivered again. When it is over the broker closes the consumer's channel, and everything that
//!   is not settled is delivered again. The lock then still keeps a second worker away from a job that goes on.
//! - **`delivery-limit`** (quorum queues; 20 since RabbitMQ 4.0): a message that was given back so often is dropped, or
//!   goes to the queue's own dead-letter exchange. Raise it, take it off, or set such an exchange. It counts the workers
//!   that were lost with the message: what is [to be delivered again](crate::Message::deliver_again) is put at the end of
//!   the queue as a message of its own, with which the broker begins to count anew. Attempts at the job are counted by
//!   the header [`ATTEMPTS_HEADER`], and limited by [`Policy::attempts`](crate::Policy::attempts).
//! - **One connection for publishers, another one for consumers**: a broker that is short of memory or disk stops reading
//!   from those that publish, acknowledgements included. A consumer publishes as well, where a message is to be delivered
//!   again or goes to the dead letters: from then on it waits until the shortage is over.
//! - **Message TTLs and length limits** drop messages as well, and what is put at the end of a queue counts as new there. A
//!   lock whose message is dropped lasts until its wait is over.
//! - **The message deduplication plugin** (`x-message-deduplication`) knows a message by its `x-deduplication-header`, which is
//!   not copied: what is put at the end of a queue, or goes to the dead letters, is nobody's duplicate any more.
//! - **A time limit for `Connection::connect`**: `lapin` 4.12 may wait for ever where the connection is cut while it is made.
//! - **The consumer's user** may write to the default exchange, as publishers do.

mod carrier;
mod consumer;
mod copy;
mod delivery;
mod error;
mod line;
mod publisher;

pub use consumer::{Consumer, Subscription};
pub use copy::ATTEMPTS_HEADER;
pub use delivery::Delivery;
pub use error::Error;
pub use publisher::Publisher;
