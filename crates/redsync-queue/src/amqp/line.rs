//! [`Line`]: publishes over one channel, and knows what became of each message.

use futures_util::lock::Mutex;
use lapin::{
    BasicProperties, Channel, ChannelState, Confirmation, ErrorKind,
    message::BasicReturnMessage,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use redsync_core::BoxFuture;

use super::Error;
use crate::PublishError;

/// A channel over which messages are published that the broker confirms, one after the other. Nobody else may publish there.
pub(super) struct Line {
    channel: Channel,
    last: Mutex<Last>,
}

/// Where a message goes.
pub(super) struct Address {
    exchange: ShortString,
    routing_key: ShortString,
}

/// What was published last.
#[derive(Default)]
struct Last {
    /// Is not confirmed yet. It stays here when its call is dropped: lapin gives a message that comes back to whichever
    /// confirmation is next, so that no other one may be on its way.
    underway: Option<BoxFuture<'static, lapin::Result<Confirmation>>>,
    /// Whether a message may have come back whose confirmation was lost, and which lapin gives to the next one.
    is_suspect: bool,
}

impl Line {
    pub(super) async fn over(channel: Channel) -> Result<Self, Error> {
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { channel, last: Mutex::default() })
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) async fn publish(
        &self,
        to: &Address,
        properties: BasicProperties,
        body: Vec<u8>,
    ) -> Result<(), PublishError<Error>> {
        let mut last = self.last.lock().await;
        // What is underway is not waited for then: nothing may come of it any more.
        self.is_open()?;
        if last.underway.is_some() {
            // Its call was dropped, and with it whoever wants to know.
            drop(last.confirmed().await);
            self.is_open()?;
        }
        // From here on something may have been sent, and nothing that lapin says excludes it.
        last.underway = Some(self.sending(to, properties, body));
        last.confirmed().await
    }

    fn is_open(&self) -> Result<(), PublishError<Error>> {
        let is_open = self.channel.status().connected();
        is_open.then_some(()).ok_or(PublishError::NotPublished(Error::Ended))
    }

    fn sending(
        &self,
        to: &Address,
        properties: BasicProperties,
        body: Vec<u8>,
    ) -> BoxFuture<'static, lapin::Result<Confirmation>> {
        let (channel, exchange, key) = (self.channel.clone(), to.exchange.clone(), to.routing_key.clone());
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        Box::pin(async move {
            let confirmation = channel.basic_publish(exchange, key, options, &body, properties).await?;
            // When a connection fails, lapin ends the channel first, and then the confirmations that it knows of by then. One
            // that it gets to know of later is never heard of.
            if !channel.status().connected() {
                return Err(ErrorKind::InvalidChannelState(ChannelState::Error, "publish").into());
            }
            confirmation.await
        })
    }
}

impl Address {
    /// To this exchange, with this routing key.
    pub(super) fn new(exchange: &str, routing_key: &str) -> Result<Self, Error> {
        Ok(Self { exchange: name(exchange)?, routing_key: name(routing_key)? })
    }

    /// The end of this queue.
    pub(super) fn of_queue(queue: ShortString) -> Self {
        Self { exchange: ShortString::default(), routing_key: queue }
    }
}

impl Last {
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
    use lapin::message::Delivery;

    use super::*;

    #[test]
    fn what_comes_back_after_a_lost_confirmation_may_be_another_message() {
        let mut last = Last::default();
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
            last.underway = Some(Box::pin(std::future::ready(confirmation)));
            let became = match last.confirmed().now_or_never().expect("it is there") {
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
