//! [`Error`]: why something was not done, or may not have been.

use async_nats::{
    RequestError,
    jetstream::{
        consumer::{AckPolicy, StreamError, pull::MessagesError},
        context::PublishError,
    },
};

/// Why something was not done, or may not have been.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A message was not published, or nobody knows.
    #[error("a message was not confirmed by a stream")]
    Publish(#[source] PublishError),
    /// The stream has a message of the same `Nats-Msg-Id`, and has not stored another.
    #[error("the stream has a message with this Nats-Msg-Id already")]
    Duplicate,
    /// Messages could not be asked for.
    #[error("messages could not be asked for")]
    Ask(#[source] StreamError),
    /// The server refused to give messages out, or the connection did.
    #[error("no message was given out")]
    Receive(#[source] MessagesError),
    /// The server has not confirmed what it was told of a message, and may not know.
    #[error("the server has not confirmed what it was told of a message")]
    Settle(#[source] RequestError),
    /// The consumer does not wait for each message to be acknowledged.
    #[error("the consumer acknowledges by {0:?}, where it has to be explicit")]
    NotExplicit(AckPolicy),
}
