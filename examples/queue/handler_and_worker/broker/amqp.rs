//! RabbitMQ, or another broker that speaks AMQP 0-9-1.

use std::sync::Arc;

use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use redsync_queue::{
    Envelope, PublishError,
    amqp::{Consumer, Error, Publisher, Subscription},
};
use redsync_redis_rs::{LockToken, Runtime};

use crate::BoxError;

const JOBS: &str = "reports";
const DEAD_LETTERS: &str = "reports-dead";

// ANCHOR: publish
pub(crate) struct Outbox {
    publisher: Publisher,
    /// Ends when it is dropped.
    _connection: Connection,
}

impl Outbox {
    pub(crate) async fn connect(url: &str) -> Result<Self, BoxError> {
        let connection = connect(url).await?;
        Ok(Self { publisher: Publisher::new(&connection, "", JOBS).await?, _connection: connection })
    }

    pub(crate) async fn publish(&self, token: &LockToken, report: &str) -> Result<(), PublishError<Error>> {
        Envelope::plain().publish(token, &self.publisher, report).await
    }
}
// ANCHOR_END: publish

// ANCHOR: consume
/// The connection ends when it is dropped.
pub(crate) async fn consume(
    url: &str,
    runtime: Arc<dyn Runtime>,
) -> Result<(Connection, Consumer), BoxError> {
    let connection = connect(url).await?;
    // The one that is worked on, and some that wait to be delivered again.
    let subscription = Subscription::new(JOBS, DEAD_LETTERS).prefetch(8);
    let consumer = Consumer::new(&connection, &subscription, runtime).await?;
    Ok((connection, consumer))
}
// ANCHOR_END: consume

/// Whichever program comes first makes the queues.
async fn connect(url: &str) -> Result<Connection, BoxError> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for queue in [JOBS, DEAD_LETTERS] {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), durable, FieldTable::default()).await?;
    }
    Ok(connection)
}
