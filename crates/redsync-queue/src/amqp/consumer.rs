//! [`Consumer`]: where messages come out.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::{
    Channel, Connection,
    options::{
        BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, QueueDeclareOptions,
    },
    types::{FieldTable, ShortString},
};
use redsync_core::Runtime;

use super::{
    Delivery, Error,
    delivery::Desk,
    line::{Address, Line, name},
};
use crate::Source;

/// How many messages may be unsettled at once, unless it is said otherwise.
const PREFETCH: u16 = 16;

/// What to consume, and how.
#[derive(Clone, Debug)]
pub struct Subscription {
    queue: String,
    dead_letters: String,
    prefetch: u16,
}

impl Subscription {
    /// The messages of this queue; what nobody is to work on goes to the queue `dead_letters`. Both have to be there.
    pub fn new(queue: impl Into<String>, dead_letters: impl Into<String>) -> Self {
        Self { queue: queue.into(), dead_letters: dead_letters.into(), prefetch: PREFETCH }
    }

    /// How many messages may be unsettled at once; 16 by default, and 0 is no limit.
    ///
    /// It counts those that are worked on, those that wait in this process to be received, and those that wait to be
    /// delivered again: while that many wait, nothing comes. A message that waits here uses up the wait of its lock, and
    /// no other worker gets it.
    ///
    /// What is [to be delivered again](crate::Message::deliver_again) goes behind everything else when its time is over. So
    /// messages that wait for a lock do not keep the message out that comes with it, however many they are: it comes after
    /// the TTL of the locks, and the sooner, the larger this number is.
    #[must_use]
    pub fn prefetch(self, prefetch: u16) -> Self {
        Self { prefetch, ..self }
    }
}

/// Takes messages out of a queue, over a channel of its own, and puts some back at its end.
///
/// When it is dropped, it takes no more messages, and gives those back that were not received; deliveries can still be
/// settled. It ends with its channel, and what is not settled by then is delivered again: make a new one. With lapin's
/// automatic recovery it goes on after a lost connection.
pub struct Consumer {
    /// Is there until it is dropped.
    inbox: Option<lapin::Consumer>,
    desk: Arc<Desk>,
}

impl Consumer {
    /// Opens a channel and starts to consume. `runtime` waits for what is to be delivered again: take a clone of
    /// [`Redsync::runtime`](redsync_core::Redsync::runtime).
    ///
    /// # Errors
    ///
    /// [`Error::NameTooLong`], or [`Error::Client`] when no channel can be opened or one of the queues does not exist.
    pub async fn new(
        connection: &Connection,
        subscription: &Subscription,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, Error> {
        let (queue, dead_letters) = (name(&subscription.queue)?, name(&subscription.dead_letters)?);
        let channel = connection.create_channel().await?;
        find(&channel, &dead_letters).await?;
        channel.basic_qos(subscription.prefetch, BasicQosOptions::default()).await?;
        let line = Line::over(channel.clone()).await?;
        let (tag, options) = (ShortString::default(), BasicConsumeOptions::default());
        let inbox = channel.basic_consume(queue.clone(), tag, options, FieldTable::default()).await?;
        let (queue, dead_letters) = (Address::of_queue(queue), Address::of_queue(dead_letters));
        Ok(Self { inbox: Some(inbox), desk: Arc::new(Desk { line, queue, dead_letters, runtime }) })
    }

    /// The next message; `None` when the consumer has ended without an error, such as when its queue was deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] when the connection was lost or the broker has closed the channel. With lapin's automatic recovery
    /// further messages may follow.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, no message is lost.
    pub async fn receive(&mut self) -> Result<Option<Delivery>, Error> {
        let Some(inbox) = &mut self.inbox else { return Ok(None) };
        let delivery = inbox.next().await.transpose()?;
        Ok(delivery.map(|delivery| Delivery::new(delivery, &self.desk)))
    }
}

impl Source for Consumer {
    type Message = Delivery;
    type Error = Error;

    async fn receive(&mut self) -> Result<Option<Delivery>, Error> {
        Self::receive(self).await
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.take() {
            self.desk.runtime.spawn(Box::pin(give_back(inbox, Arc::clone(&self.desk))));
        }
    }
}

/// Consumes no more, and gives back what has come meanwhile. Without a connection the broker has it back already.
async fn give_back(mut inbox: lapin::Consumer, desk: Arc<Desk>) {
    if desk.line.channel().basic_cancel(inbox.tag(), BasicCancelOptions::default()).await.is_err() {
        return;
    }
    while let Some(Ok(delivery)) = inbox.next().await {
        drop(delivery.nack(BasicNackOptions { requeue: true, multiple: false }).await);
    }
}

/// Fails where the queue does not exist.
async fn find(channel: &Channel, queue: &ShortString) -> Result<(), Error> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.clone(), passive, FieldTable::default()).await?;
    Ok(())
}
