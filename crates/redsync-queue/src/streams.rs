//! Jobs in a Redis stream, read by a consumer group.
//!
//! It goes over any [`Node`](redsync_core::Node): the drivers' `RedisNode` makes one of the client that the application has already. A
//! [`Consumer`] waits for messages on a connection of its own, since commands behind the one that waits would wait with it.
//!
//! A stream that is trimmed, by `MAXLEN` say, loses the jobs that are trimmed away.
//!
//! The stream is as durable as the server's own settings: with `appendfsync always` what was published is on disk. Who reads
//! a message and is not heard of again for the time of [`Consumer::claim_after`] loses it to another consumer of the group.

mod consumer;
mod delivery;
mod fields;
mod publisher;
mod reply;
mod server;

pub use consumer::Consumer;
pub use delivery::Delivery;
pub use fields::Fields;
pub use publisher::Publisher;
pub use server::Server;

/// The field that a message's body is in. The other fields are its headers.
pub const BODY: &str = "body";
