//! The three brokers: how a job and its lock get there, and from there.

pub(crate) mod amqp;
pub(crate) mod nats;
pub(crate) mod streams;

use std::{sync::Arc, time::Duration};

use redsync_queue::PublishError;
use redsync_redis_rs::{LockToken, Redsync};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    BoxError,
    args::{Broker, Place},
};

/// How long a broker may take to be reached, and how long to confirm a job.
const PATIENCE: Duration = Duration::from_secs(5);

/// Puts jobs into the broker, over a connection that is made when there is a job, and again after it has failed.
pub(crate) struct Outbox {
    place: Place,
    redsync: Redsync,
    connected: Mutex<Option<Arc<Connected>>>,
}

/// To one of them.
enum Connected {
    Amqp(Box<amqp::Outbox>),
    Nats(nats::Outbox),
    Streams(streams::Outbox),
}

impl Outbox {
    pub(crate) fn new(place: Place, redsync: Redsync) -> Self {
        Self { place, redsync, connected: Mutex::default() }
    }

    /// Sends the job with its lock, and waits until the broker has it.
    pub(crate) async fn publish(&self, token: LockToken, report: u64) -> Result<(), PublishError<BoxError>> {
        // So far nothing was sent.
        let connected = self.connected().await.map_err(PublishError::NotPublished)?;
        let sent = timeout(PATIENCE, connected.publish(&token, &report.to_string())).await;
        let published = sent.unwrap_or_else(|late| Err(PublishError::Unknown(late.into())));
        if published.is_err() {
            *self.connected.lock().await = None;
        }
        published
    }

    async fn connected(&self) -> Result<Arc<Connected>, BoxError> {
        let mut connected = self.connected.lock().await;
        if let Some(connected) = &*connected {
            return Ok(Arc::clone(connected));
        }
        let new = Arc::new(timeout(PATIENCE, self.connect()).await??);
        *connected = Some(Arc::clone(&new));
        Ok(new)
    }

    async fn connect(&self) -> Result<Connected, BoxError> {
        let url = &self.place.url;
        Ok(match self.place.broker {
            Broker::Amqp => Connected::Amqp(Box::new(amqp::Outbox::connect(url).await?)),
            Broker::Nats => Connected::Nats(nats::Outbox::connect(url).await?),
            Broker::Streams => Connected::Streams(streams::Outbox::connect(url, &self.redsync)?),
        })
    }
}

impl Connected {
    async fn publish(&self, token: &LockToken, report: &str) -> Result<(), PublishError<BoxError>> {
        match self {
            Self::Amqp(outbox) => outbox.publish(token, report).await.map_err(boxed),
            Self::Nats(outbox) => outbox.publish(token, report).await.map_err(boxed),
            Self::Streams(outbox) => outbox.publish(token, report).await.map_err(boxed),
        }
    }
}

fn boxed<E: std::error::Error + Send + Sync + 'static>(error: PublishError<E>) -> PublishError<BoxError> {
    match error {
        PublishError::NotPublished(error) => PublishError::NotPublished(error.into()),
        PublishError::Unknown(error) => PublishError::Unknown(error.into()),
    }
}
