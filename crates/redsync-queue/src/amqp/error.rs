//! [`Error`]: what went wrong between the application and its broker.

/// What went wrong between the application and its broker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection or its channel has failed, or the broker has closed it.
    #[error("the connection to the broker has failed: {0}")]
    Client(#[from] lapin::Error),
    /// The channel has ended before: a new publisher or consumer is needed, on a connection that works. With lapin's
    /// automatic recovery it may also be on its way back.
    #[error("the channel to the broker has ended")]
    Ended,
    /// The exchange leads to no queue with this routing key.
    #[error("no queue was there for the message: {code} {reason}")]
    Unroutable {
        /// The broker's code.
        code: u16,
        /// The broker's words.
        reason: String,
    },
    /// The broker has refused to answer for the message: a queue was full, or has failed. Another one that the exchange
    /// leads to may have it.
    #[error("the broker has refused to answer for the message")]
    Refused,
    /// A name of a queue, an exchange or a routing key is longer than the 255 bytes that AMQP knows.
    #[error("a name is too long for AMQP: {0}")]
    NameTooLong(String),
}
