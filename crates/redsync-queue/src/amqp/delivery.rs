//! [`Delivery`]: a message that was taken out of a queue.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::{Either, select};
use lapin::{
    Acker, BasicProperties,
    options::{BasicAckOptions, BasicNackOptions},
    types::FieldTable,
};
use redsync_core::{Moment, Runtime};

use super::{
    Error,
    copy::{self, attempts_before},
    line::{Address, Line},
};
use crate::{Message, PublishError, hand_over::PUBLISHED_WITHIN, settlement::Settlement};

/// How long a message is held whose copy did not get to the dead letters, so that it does not go round and round.
const DEAD_LETTER_RETRY: Duration = Duration::from_secs(5);

/// What a consumer and its deliveries share; the channel is open for as long as one of them is there.
pub(super) struct Desk {
    /// The consumer's own channel, so that it never fails without the other, and the broker takes everything back then.
    pub(super) line: Line,
    pub(super) queue: Address,
    pub(super) dead_letters: Address,
    pub(super) runtime: Arc<dyn Runtime>,
}

/// A message that was taken out of a queue. One that is dropped without being settled is delivered again at once.
///
/// A message is never kept alive: see [`consumer_timeout`](super#what-to-set-up-at-the-broker).
pub struct Delivery {
    headers: FieldTable,
    inner: Arc<lapin::message::Delivery>,
    came_at: Moment,
    settlement: Settlement,
    /// Whether it was to go to the dead letters, in vain as far as anybody knows.
    is_stuck: AtomicBool,
    desk: Arc<Desk>,
}

impl Delivery {
    pub(super) fn new(inner: lapin::message::Delivery, desk: &Arc<Desk>) -> Self {
        let headers = inner.properties.headers().clone().unwrap_or_default();
        let (inner, came_at, desk) = (Arc::new(inner), desk.runtime.now(), Arc::clone(desk));
        let (settlement, is_stuck) = (Settlement::default(), AtomicBool::new(false));
        Self { headers, inner, came_at, settlement, is_stuck, desk }
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.inner.data
    }

    /// Its other properties.
    pub fn properties(&self) -> &BasicProperties {
        &self.inner.properties
    }

    fn attempts_before(&self) -> u64 {
        attempts_before(&self.headers).unwrap_or_default()
    }

    /// Has it delivered again after this time, behind what is in the queue by then, and counts so many attempts.
    fn hold(&self, after: Duration, attempts: u64) {
        let (inner, desk, came_at) = (Arc::clone(&self.inner), Arc::clone(&self.desk), self.came_at);
        let wakes = desk.runtime.sleep_until(desk.runtime.now().plus(after));
        self.desk.runtime.spawn(Box::pin(async move {
            wakes.await;
            let here = desk.runtime.now().since(came_at);
            desk.put_at_the_end(&inner, copy::to_deliver_again(&inner.properties, attempts, here)).await;
        }));
    }

    /// Not by `basic.reject`, which drops the message where its queue has no dead-letter exchange. A crash between the two
    /// leaves a copy too many, and never one too few.
    async fn copy_and_acknowledge(&self, why: &str) -> Result<(), Error> {
        // Without its channel the broker has it back already, and it may have been copied before.
        if !self.inner.acker.usable() {
            return Err(Error::Ended);
        }
        // Before it is tried, since whoever waits for it may wait for so long only, and then drop it.
        self.is_stuck.store(true, Ordering::SeqCst);
        let copy = copy::dead_letter(&self.inner.properties, why);
        match self.desk.line.publish(&self.desk.dead_letters, copy, self.inner.data.clone()).await {
            Ok(()) => acknowledge(&self.inner.acker).await,
            Err(PublishError::NotPublished(error) | PublishError::Unknown(error)) => Err(error),
        }
    }
}

impl Desk {
    /// Puts a copy at the end of the queue, and acknowledges the message once that is confirmed. What the broker is given
    /// back comes before everything else there.
    async fn put_at_the_end(&self, message: &lapin::message::Delivery, properties: BasicProperties) {
        // Without its channel the broker has it back already.
        if !message.acker.usable() {
            return;
        }
        // A crash between the two leaves a copy too many, and never one too few.
        let end = self.runtime.sleep_until(self.runtime.now().plus(PUBLISHED_WITHIN));
        let why =
            match select(pin!(self.line.publish(&self.queue, properties, message.data.clone())), end).await {
                Either::Left((Ok(()), _)) => return drop(acknowledge(&message.acker).await),
                Either::Left((Err(PublishError::NotPublished(error) | PublishError::Unknown(error)), _)) => {
                    error.to_string()
                }
                Either::Right(_) => "the broker has not confirmed it in time".to_owned(),
            };
        tracing::warn!(why, "a message was not put at the end of its queue, and is given back");
        give_back(&message.acker).await;
    }
}

impl Message for Delivery {
    type Headers = FieldTable;
    type Error = Error;

    fn headers(&self) -> &FieldTable {
        &self.headers
    }

    /// Whether the broker has delivered it before, be it to a worker that never got to see it, or it was put at the end of
    /// its queue.
    fn is_redelivered(&self) -> bool {
        self.inner.redelivered || attempts_before(&self.headers).is_some()
    }

    /// Counted by the header [`ATTEMPTS_HEADER`](super::ATTEMPTS_HEADER): what the broker delivers again by itself does not
    /// count, since it may be that nobody has seen it. So an attempt is not counted either whose copy did not get to the end of
    /// the queue.
    fn attempt(&self) -> Option<u64> {
        Some(self.attempts_before().saturating_add(1))
    }

    /// Sends the acknowledgement, which AMQP does not confirm: when it is lost with its connection, the message is delivered
    /// once more, without an error here.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] and [`Error::Client`] when the channel has ended. The broker delivers the message again.
    async fn acknowledge(&self) -> Result<(), Error> {
        // What has failed here will fail again, and is not to pass for a success then.
        self.settlement.by(acknowledge(&self.inner.acker)).await
    }

    /// Holds the message in the background, since AMQP cannot wait, and puts it at the end of its queue when the time is
    /// over.
    ///
    /// It returns at once. Meanwhile the message counts in the [`prefetch`](super::Subscription::prefetch), and the
    /// `consumer_timeout` of the broker has to be longer than `after`. When the process or its connection ends, the broker
    /// delivers it at once, and earlier than after this time.
    ///
    /// RabbitMQ itself puts what it is given back before everything else. So a copy is published, and the message
    /// acknowledged once that is confirmed. Where it is refused, or not confirmed within 30 s, the message is given back: it
    /// comes again at once, and so does a copy that got there after all. Copies go over the consumer's channel one at a time,
    /// those of dead letters among them: until what was not confirmed is, or the channel has ended, the others wait for it,
    /// each for as long at most.
    ///
    /// The copy has the same body, headers and properties, with these exceptions: the header
    /// [`ATTEMPTS_HEADER`](super::ATTEMPTS_HEADER) is added, `user_id`, `CC` and `BCC` are left out, and so is
    /// `x-deduplication-header`, by which RabbitMQ's message deduplication plugin would drop the copy while the message is still
    /// in the queue; `expiration` is less by the time that the message has spent here. The broker would also take off the time
    /// in the queue, but does not tell how long that was.
    ///
    /// # Errors
    ///
    /// None: without a connection the broker delivers it again by itself.
    async fn deliver_again(&self, after: Duration) -> Result<(), Error> {
        if self.settlement.settle() {
            self.hold(after, self.attempts_before().saturating_add(1));
        }
        Ok(())
    }

    async fn put_off(&self, after: Duration) -> Result<(), Error> {
        if self.settlement.settle() {
            self.hold(after, self.attempts_before());
        }
        Ok(())
    }

    /// Publishes a copy to the queue for dead letters, and acknowledges the message once that is confirmed.
    ///
    /// The copy has the same body, headers and properties, except for `expiration`, `user_id`, `CC`, `BCC`,
    /// `x-deduplication-header` and what counts deliveries, and says why in the header [`WHY_HEADER`](crate::WHY_HEADER).
    ///
    /// # Errors
    ///
    /// Why the copy was not confirmed; it can be tried again, and a delivery that is dropped after that is delivered again
    /// after 5 s. Otherwise as for [`acknowledge`](Self::acknowledge): then the copy is there, and the message comes again as
    /// well.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, there may be a copy, and the message is not settled. It can be tried again, and a delivery
    /// that is dropped after that is delivered again after 5 s.
    async fn dead_letter(&self, why: &str) -> Result<(), Error> {
        self.settlement.by(self.copy_and_acknowledge(why)).await
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.settlement.settle() {
            return;
        }
        if self.is_stuck.load(Ordering::SeqCst) {
            self.hold(DEAD_LETTER_RETRY, self.attempts_before());
        } else {
            // The channel stays open for as long as it is held here.
            let (inner, desk) = (Arc::clone(&self.inner), Arc::clone(&self.desk));
            self.desk.runtime.spawn(Box::pin(async move {
                give_back(&inner.acker).await;
                drop(desk);
            }));
        }
    }
}

impl fmt::Debug for Delivery {
    /// Without the headers: whoever has the token has the lock, and it is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut delivery = f.debug_struct("Delivery");
        delivery.field("delivery_tag", &self.inner.delivery_tag);
        delivery.field("redelivered", &self.is_redelivered()).finish_non_exhaustive()
    }
}

async fn acknowledge(acker: &Acker) -> Result<(), Error> {
    if acker.ack(BasicAckOptions::default()).await? { Ok(()) } else { Err(Error::Ended) }
}

/// Without a channel the broker has it back already.
async fn give_back(acker: &Acker) {
    drop(acker.nack(BasicNackOptions { requeue: true, multiple: false }).await);
}
