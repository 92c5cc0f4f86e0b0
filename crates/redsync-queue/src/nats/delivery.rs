//! [`Delivery`]: a message that was taken out of a stream.

use std::time::Duration;

use async_nats::{
    HeaderMap, Request, Subject,
    jetstream::{self, AckKind, context::traits::TimeoutProvider},
};

use super::{
    Error, Publisher,
    headers::{copied, one_line},
};
use crate::{Carrier, Message, PublishError, WHY_HEADER, settlement::Settlement};

/// A message that was taken out of a stream.
///
/// Each thing that the server is told of it is confirmed by the server, within the time-out of the context that the pull
/// consumer was made with. What was not confirmed can be told again. After one has settled it, further calls do nothing.
pub struct Delivery {
    message: jetstream::Message,
    headers: HeaderMap,
    /// How often it was delivered so far, where the server tells.
    deliveries: Option<u64>,
    keep_alive_every: Duration,
    dead_letters: Publisher,
    settlement: Settlement,
}

impl Delivery {
    pub(super) fn new(
        mut message: jetstream::Message,
        keep_alive_every: Duration,
        dead_letters: Publisher,
    ) -> Self {
        let headers = message.message.headers.take().unwrap_or_default();
        let deliveries = message.info().ok().and_then(|info| u64::try_from(info.delivered).ok());
        let settlement = Settlement::default();
        Self { message, headers, deliveries, keep_alive_every, dead_letters, settlement }
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.message.payload
    }

    /// Tells the server, and waits until it has heard. The client's own way takes it for a confirmation, too, when there
    /// is no consumer any more to hear it.
    async fn tell(&self, kind: AckKind) -> Result<(), Error> {
        let timeout = self.message.context.timeout();
        let request = Request::new().payload(kind.into()).timeout(Some(timeout));
        let reply = self.message.reply.clone().unwrap_or_else(|| Subject::from_static(""));
        let heard = self.message.context.client().send_request(reply, request).await;
        heard.map(drop).map_err(Error::Settle)
    }

    async fn publish_copy(&self, why: &str) -> Result<(), Error> {
        let mut headers = copied(&self.headers);
        Carrier::set(&mut headers, WHY_HEADER, one_line(why));
        match self.dead_letters.publish(headers, self.message.payload.clone()).await {
            Ok(()) => Ok(()),
            Err(PublishError::NotPublished(error) | PublishError::Unknown(error)) => Err(error),
        }
    }
}

impl Message for Delivery {
    type Headers = HeaderMap;
    type Error = Error;

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn is_redelivered(&self) -> bool {
        // Where the server does not tell how often, it may have been.
        self.deliveries != Some(1)
    }

    /// How often it was delivered so far: those that were put off count as well.
    fn attempt(&self) -> Option<u64> {
        self.deliveries
    }

    async fn acknowledge(&self) -> Result<(), Error> {
        self.settlement.by(self.tell(AckKind::Ack)).await
    }

    async fn deliver_again(&self, after: Duration) -> Result<(), Error> {
        self.settlement.by(self.tell(AckKind::Nak((!after.is_zero()).then_some(after)))).await
    }

    /// Publishes a copy to the subject for dead letters, and has the server deliver the message no more once that is
    /// confirmed. Where the server has not heard of the second, only that is to be told again.
    async fn dead_letter(&self, why: &str) -> Result<(), Error> {
        self.settlement.by_copy(self.publish_copy(why), self.tell(AckKind::Term)).await
    }

    fn keep_alive_every(&self) -> Option<Duration> {
        Some(self.keep_alive_every)
    }

    async fn keep_alive(&self) -> Result<(), Error> {
        self.tell(AckKind::Progress).await
    }
}
