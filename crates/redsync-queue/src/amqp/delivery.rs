//! [`Delivery`]: a message that was taken out of a queue.

use std::{fmt, sync::Arc, time::Duration};

use lapin::{
    Acker, BasicProperties, Channel,
    options::{BasicAckOptions, BasicNackOptions},
    types::FieldTable,
};
use redsync_core::Runtime;

use super::{Error, Publisher, publisher::PERSISTENT};
use crate::{Carrier, Message, PublishError, WHY_HEADER, settlement::Settlement};

/// Headers by which RabbitMQ would send the copy to further queues, and take it for delivered when only those have it.
const ROUTING_HEADERS: [&str; 2] = ["CC", "BCC"];

/// How long a message is held whose copy did not get to the dead letters, so that it does not go round and round.
const DEAD_LETTER_RETRY: Duration = Duration::from_secs(5);

/// What a consumer and its deliveries share; the channel is open for as long as one of them is there.
pub(super) struct Desk {
    pub(super) channel: Channel,
    pub(super) dead_letters: Publisher,
    pub(super) runtime: Arc<dyn Runtime>,
}

/// A message that was taken out of a queue. One that is dropped without being settled is delivered again at once.
///
/// A message is never kept alive: see [`consumer_timeout`](super#what-to-set-up-at-the-broker).
pub struct Delivery {
    headers: FieldTable,
    inner: lapin::message::Delivery,
    settlement: Settlement,
    desk: Arc<Desk>,
}

impl Delivery {
    pub(super) fn new(inner: lapin::message::Delivery, desk: &Arc<Desk>) -> Self {
        let headers = inner.properties.headers().clone().unwrap_or_default();
        Self { headers, inner, settlement: Settlement::default(), desk: Arc::clone(desk) }
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.inner.data
    }

    /// Its other properties.
    pub fn properties(&self) -> &BasicProperties {
        &self.inner.properties
    }

    /// Has it delivered again after this time.
    fn hold(&self, after: Duration) {
        let (acker, desk) = (self.inner.acker.clone(), Arc::clone(&self.desk));
        let wakes = desk.runtime.sleep_until(desk.runtime.now().plus(after));
        self.desk.runtime.spawn(Box::pin(async move {
            wakes.await;
            // Without a channel the broker has it back already. The channel stays open for as long as it is held here.
            drop(acker.nack(BasicNackOptions { requeue: true, multiple: false }).await);
            drop(desk);
        }));
    }

    fn copy(&self, why: &str) -> BasicProperties {
        let mut headers = self.headers.inner().clone();
        ROUTING_HEADERS.iter().for_each(|name| _ = headers.remove(*name));
        let mut headers = FieldTable::from(headers);
        Carrier::set(&mut headers, WHY_HEADER, why.to_owned());
        lasting(&self.inner.properties).with_headers(headers)
    }
}

impl Message for Delivery {
    type Headers = FieldTable;
    type Error = Error;

    fn headers(&self) -> &FieldTable {
        &self.headers
    }

    /// Whether the broker has delivered it before, be it to a worker that never got to see it.
    fn is_redelivered(&self) -> bool {
        self.inner.redelivered
    }

    /// Sends the acknowledgement, which AMQP does not confirm: when it is lost with its connection, the message is delivered
    /// once more, without an error here.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] and [`Error::Client`] when the channel has ended. The broker delivers the message again.
    async fn acknowledge(&self) -> Result<(), Error> {
        if self.settlement.settle() { acknowledge(&self.inner.acker).await } else { Ok(()) }
    }

    /// Holds the message in the background, and gives it back to the queue when the time is over, since AMQP cannot wait.
    ///
    /// It returns at once. Meanwhile the message counts in the [`prefetch`](super::Subscription::prefetch), and the
    /// `consumer_timeout` of the broker has to be longer than `after`. When the process or its connection ends, the broker
    /// delivers it at once, and earlier than after this time.
    ///
    /// # Errors
    ///
    /// None: without a connection the broker delivers it again by itself.
    async fn deliver_again(&self, after: Duration) -> Result<(), Error> {
        if self.settlement.settle() {
            self.hold(after);
        }
        Ok(())
    }

    /// Publishes a copy to the queue for dead letters, and acknowledges the message once that is confirmed.
    ///
    /// The copy has the same body, headers and properties, except for `expiration`, `user_id`, `CC` and `BCC`, and says why
    /// in the header [`WHY_HEADER`].
    ///
    /// # Errors
    ///
    /// Why the copy was not confirmed; the message is then delivered again after 5 s. Otherwise as for
    /// [`acknowledge`](Self::acknowledge): then the copy is there, and the message comes again as well.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, there may be a copy, and the message is not settled.
    async fn dead_letter(&self, why: &str) -> Result<(), Error> {
        let Some(attempt) = self.settlement.begin() else { return Ok(()) };
        // Not by `basic.reject`, which drops the message where its queue has no dead-letter exchange. A crash between the
        // two leaves a copy too many, and never one too few.
        let copied = self.desk.dead_letters.send(self.copy(why), self.inner.data.clone()).await;
        attempt.finish();
        match copied {
            Ok(()) => acknowledge(&self.inner.acker).await,
            Err(PublishError::NotPublished(error) | PublishError::Unknown(error)) => {
                self.hold(DEAD_LETTER_RETRY);
                Err(error)
            }
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.settlement.settle() {
            self.hold(Duration::ZERO);
        }
    }
}

impl fmt::Debug for Delivery {
    /// Without the headers: whoever has the token has the lock, and it is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut delivery = f.debug_struct("Delivery");
        delivery.field("delivery_tag", &self.inner.delivery_tag);
        delivery.field("redelivered", &self.inner.redelivered).finish_non_exhaustive()
    }
}

async fn acknowledge(acker: &Acker) -> Result<(), Error> {
    if acker.ack(BasicAckOptions::default()).await? { Ok(()) } else { Err(Error::Ended) }
}

/// Properties for a message that stays where it is until somebody takes it: without `expiration`, and without `user_id`,
/// which the broker accepts only from that very user.
fn lasting(properties: &BasicProperties) -> BasicProperties {
    let mut copy = BasicProperties::default().with_delivery_mode(PERSISTENT);
    macro_rules! copy {
        ($($property:ident by $set:ident),* $(,)?) => {
            $(if let Some(value) = properties.$property().clone() { copy = copy.$set(value); })*
        };
    }
    copy!(
        content_type by with_content_type,
        content_encoding by with_content_encoding,
        priority by with_priority,
        correlation_id by with_correlation_id,
        reply_to by with_reply_to,
        message_id by with_message_id,
        timestamp by with_timestamp,
        kind by with_type,
        app_id by with_app_id,
    );
    copy
}
