//! [`Publisher`]: where messages go in.

use futures_util::lock::Mutex;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    message::BasicReturnMessage,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{FieldTable, ShortString},
};
use redsync_core::BoxFuture;

use super::Error;
use crate::PublishError;

/// The delivery mode of a message that a durable queue stores.
pub(super) const PERSISTENT: u8 = 2;

/// Publishes messages that the broker stores and confirms, over a channel of its own.
///
/// One message after the other: each waits until the one before is confirmed. Where more are to be on their way at once,
/// use several publishers. A publisher ends with its channel, which the broker also closes when the exchange does not
/// exist; make a new one then. With lapin's automatic recovery it goes on after a lost connection.
pub struct Publisher {
    channel: Channel,
    exchange: ShortString,
    routing_key: ShortString,
    properties: BasicProperties,
    line: Mutex<Line>,
}

/// What was published over the channel last.
#[derive(Default)]
struct Line {
    /// Is not confirmed yet. It stays here when its call is dropped: lapin gives a message that comes back to whichever
    /// confirmation is next, so that no other one may be on its way.
    underway: Option<BoxFuture<'static, lapin::Result<Confirmation>>>,
    /// Whether a message may have come back whose confirmation was lost, and which lapin gives to the next one.
    is_suspect: bool,
}

impl Publisher {
    /// Opens a channel, to publish to this exchange with this routing key. The exchange without a name leads to the queue
    /// that the routing key names.
    ///
    /// # Errors
    ///
    /// [`Error::NameTooLong`], or [`Error::Client`] when no channel can be opened.
    pub async fn new(connection: &Connection, exchange: &str, routing_key: &str) -> Result<Self, Error> {
        let (exchange, routing_key) = (name(exchange)?, name(routing_key)?);
        Self::on(connection.create_channel().await?, exchange, routing_key).await
    }

    /// Over this channel, on which nobody else may publish.
    pub(super) async fn on(
        channel: Channel,
        exchange: ShortString,
        routing_key: ShortString,
    ) -> Result<Self, Error> {
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let properties = BasicProperties::default();
        Ok(Self { channel, exchange, routing_key, properties, line: Mutex::default() })
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
    /// There is no time limit; a broker that is short of memory or disk makes publishers wait.
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
        self.send(properties, body.into()).await
    }

    pub(super) async fn send(
        &self,
        properties: BasicProperties,
        body: Vec<u8>,
    ) -> Result<(), PublishError<Error>> {
        let mut line = self.line.lock().await;
        if line.underway.is_some() {
            // Its call was dropped, and with it whoever wants to know.
            drop(line.confirmed().await);
        }
        // From here on something may have been sent, and nothing that lapin says excludes it.
        if !self.channel.status().connected() {
            return Err(PublishError::NotPublished(Error::Ended));
        }
        line.underway = Some(self.sending(properties, body));
        line.confirmed().await
    }

    fn sending(
        &self,
        properties: BasicProperties,
        body: Vec<u8>,
    ) -> BoxFuture<'static, lapin::Result<Confirmation>> {
        let (channel, exchange, key) =
            (self.channel.clone(), self.exchange.clone(), self.routing_key.clone());
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        Box::pin(async move { channel.basic_publish(exchange, key, options, &body, properties).await?.await })
    }
}

impl Line {
    /// Waits for what is underway, and says what became of it.
    async fn confirmed(&mut self) -> Result<(), PublishError<Error>> {
        let Some(underway) = &mut self.underway else { return Ok(()) };
        let confirmation = underway.await;
        self.underway = None;
        match confirmation {
            Ok(Confirmation::Ack(None)) => {
                self.is_suspect = false;
                Ok(())
            }
            Ok(Confirmation::Ack(Some(returned))) if self.is_suspect => {
                Err(PublishError::Unknown(unroutable(&returned)))
            }
            // The broker sends back only what no queue is to have.
            Ok(Confirmation::Ack(Some(returned))) => Err(PublishError::NotPublished(unroutable(&returned))),
            // One queue of several may have the message, and one that has failed may have stored it before.
            Ok(Confirmation::Nack(_) | Confirmation::NotRequested) => {
                Err(PublishError::Unknown(Error::Refused))
            }
            Err(error) => {
                self.is_suspect = true;
                Err(PublishError::Unknown(error.into()))
            }
        }
    }
}

fn unroutable(returned: &BasicReturnMessage) -> Error {
    Error::Unroutable { code: returned.reply_code, reason: returned.reply_text.to_string() }
}

/// A name as AMQP knows it.
pub(super) fn name(text: &str) -> Result<ShortString, Error> {
    ShortString::try_new(text).map_err(|_| Error::NameTooLong(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use lapin::{ErrorKind, message::Delivery};

    use super::*;

    #[test]
    fn what_comes_back_after_a_lost_confirmation_may_be_another_message() {
        let mut line = Line::default();
        let cases = [
            (returned(), "not published"),
            (Ok(Confirmation::Ack(None)), "published"),
            (Err(ErrorKind::FutureCompleted.into()), "unknown"),
            (returned(), "unknown"),
            (returned(), "unknown"),
            // By now nothing waits any more that has come back.
            (Ok(Confirmation::Ack(None)), "published"),
            (returned(), "not published"),
            (Ok(Confirmation::Nack(None)), "unknown"),
        ];
        for (number, (confirmation, expected)) in cases.into_iter().enumerate() {
            line.underway = Some(Box::pin(std::future::ready(confirmation)));
            let became = match line.confirmed().now_or_never().expect("it is there") {
                Ok(()) => "published",
                Err(PublishError::NotPublished(_)) => "not published",
                Err(PublishError::Unknown(_)) => "unknown",
            };
            assert_eq!(became, expected, "case {number}");
        }
    }

    fn returned() -> lapin::Result<Confirmation> {
        let delivery = Delivery::mock(0, "".into(), "nowhere".into(), false, Vec::new());
        let reply_text = "NO_ROUTE".into();
        Ok(Confirmation::Ack(Some(BasicReturnMessage { delivery, reply_code: 312, reply_text })))
    }
}
