//! [`Publisher`]: where messages go in.

use lapin::{BasicProperties, Connection, types::FieldTable};

use super::{
    Error,
    line::{Address, Line},
};
use crate::{Publish, PublishError};

/// The delivery mode of a message that a durable queue stores.
pub(super) const PERSISTENT: u8 = 2;

/// Publishes messages that the broker stores and confirms, over a channel of its own.
///
/// One message after the other: each waits until the one before is confirmed. Where more are to be on their way at once,
/// use several publishers. A publisher ends with its channel, which the broker also closes when the exchange does not
/// exist; make a new one then. With lapin's automatic recovery it goes on after a lost connection. Where
/// [nothing was heard](crate::HandOverError::Unheard) of a message, the next one waits for that as well: better make a new one
/// then too, over another connection.
pub struct Publisher {
    line: Line,
    to: Address,
    properties: BasicProperties,
}

impl Publisher {
    /// Opens a channel, to publish to this exchange with this routing key. The exchange without a name leads to the queue
    /// that the routing key names.
    ///
    /// # Errors
    ///
    /// [`Error::NameTooLong`], or [`Error::Client`] when no channel can be opened.
    pub async fn new(connection: &Connection, exchange: &str, routing_key: &str) -> Result<Self, Error> {
        let to = Address::new(exchange, routing_key)?;
        let line = Line::over(connection.create_channel().await?).await?;
        Ok(Self { line, to, properties: BasicProperties::default() })
    }

    /// Further properties of its messages, such as their content type. Headers and delivery mode are set by
    /// [`publish`](Self::publish).
    #[must_use]
    pub fn properties(self, properties: BasicProperties) -> Self {
        Self { properties, ..self }
    }

    /// Publishes a message, and waits until the broker has confirmed that it is stored: by then every durable queue that
    /// the exchange leads to has it on disk, a quorum queue on a majority of its machines.
    ///
    /// There is no time limit but that of [`hand_over`](crate::hand_over); a broker that is short of memory or disk makes
    /// publishers wait.
    ///
    /// # Errors
    ///
    /// [`NotPublished`](PublishError::NotPublished) with [`Error::Ended`] when there is no connection, so that nothing was
    /// sent, and with [`Error::Unroutable`] when the broker has sent the message back because no queue is to have it.
    /// [`Unknown`](PublishError::Unknown) when the connection was lost before the message was confirmed, and with
    /// [`Error::Refused`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the message may or may not be published.
    pub async fn publish(
        &self,
        headers: FieldTable,
        body: impl Into<Vec<u8>>,
    ) -> Result<(), PublishError<Error>> {
        let properties = self.properties.clone().with_headers(headers).with_delivery_mode(PERSISTENT);
        self.line.publish(&self.to, properties, body.into()).await
    }
}

impl<B: Into<Vec<u8>> + Send> Publish<B> for Publisher {
    type Headers = FieldTable;
    type Error = Error;

    async fn publish(&self, headers: FieldTable, body: B) -> Result<(), PublishError<Error>> {
        Self::publish(self, headers, body).await
    }
}
