//! Locks that go through a queue together with the jobs that they are for.
//!
//! A handler takes a lock, hands it over with [`hand_over`] and answers at once. A worker gets the message, adopts the lock
//! that comes with it, does the job under it, acknowledges the message and releases the lock: [`Worker::process`] does all
//! that, and what has to be done when something fails.
//!
//! | | |
//! | --- | --- |
//! | a token into the headers of a message, and out of them | [`Envelope`], [`Carrier`] |
//! | a lock into a queue | [`hand_over`] |
//! | a job out of a queue | [`Worker`], [`Policy`], [`Processed`] |
//! | job after job, until the process ends | [`consume`] |
//! | a queue within one process | [`channel`] |
//! | RabbitMQ, or whatever speaks AMQP 0.9.1, with the feature `amqp` | [`amqp`] |
//! | a Redis stream, with the feature `streams` | [`streams`] |
//! | NATS JetStream, with the feature `nats` | [`nats`] |
//! | a queue of your own | [`Message`] |

#[cfg(feature = "amqp")]
pub mod amqp;
mod beat;
mod carrier;
#[cfg(feature = "channel")]
pub mod channel;
mod consume;
mod envelope;
mod hand_over;
mod locking;
mod message;
#[cfg(feature = "nats")]
pub mod nats;
mod outcome;
mod policy;
mod process;
mod settle;
#[cfg(feature = "streams")]
pub mod streams;

pub use carrier::Carrier;
pub use consume::{Source, consume};
pub use envelope::{Envelope, TOKEN_HEADER};
pub use hand_over::{HandOverError, PublishError, hand_over};
pub use message::{Message, WHY_HEADER};
pub use outcome::{LockEnd, NotLocked, Outcome, Processed, Told, Untold};
pub use policy::{Discard, Otherwise, Policy};
pub use process::{Work, Worker};
