//! [`Outbox`]: where jobs are published; the same face for every broker.

use std::{sync::Arc, time::Duration};

use lapin::{Connection, ConnectionProperties};
use redsync_core::{LockToken, Node, Request, Runtime};
use redsync_queue::{Envelope, PublishError, amqp, nats, streams};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    Failure,
    broker::{Address, Broker, CONNECTS_WITHIN},
    history::Job,
    inbox,
};

/// How long a stream's server may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Publishes one job after the other, over a connection that is made again when it has failed.
pub(crate) struct Outbox {
    address: Address,
    runtime: Arc<dyn Runtime>,
    open: Mutex<Option<Open>>,
}

enum Open {
    Streams(streams::Publisher),
    Nats(Box<nats::Publisher>),
    Amqp { publisher: Box<amqp::Publisher>, _connection: Connection },
}

impl Outbox {
    pub(crate) fn new(address: Address, runtime: Arc<dyn Runtime>) -> Self {
        Self { address, runtime, open: Mutex::default() }
    }

    /// Connects, where it is not yet connected.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        let mut open = self.open.lock().await;
        if open.is_none() {
            *open = Some(timeout(CONNECTS_WITHIN, self.connect()).await??);
        }
        Ok(())
    }

    pub(crate) async fn publish(&self, token: LockToken, job: &Job) -> Result<(), PublishError<Failure>> {
        self.open().await.map_err(PublishError::NotPublished)?;
        let mut open = self.open.lock().await;
        let published = match &*open {
            Some(open) => open.publish(&token, job.body()).await,
            None => Err(PublishError::NotPublished("another publisher has lost the connection".into())),
        };
        if published.is_err() {
            *open = None;
        }
        published
    }

    /// Asks for something as well, where the client would connect later.
    async fn connect(&self) -> Result<Open, Failure> {
        let address = &self.address;
        Ok(match address.broker {
            Broker::Streams => {
                let node = redsync_redis_rs::RedisNode::open(&address.url)?;
                node.call(Request::command(vec![b"EXISTS".to_vec(), address.queue.clone().into()], 1))
                    .await?;
                let server = streams::Server::new(node, Arc::clone(&self.runtime)).timeout(ANSWERS_WITHIN);
                Open::Streams(streams::Publisher::new(server, address.queue.as_str()))
            }
            Broker::Nats => {
                let jetstream = inbox::jetstream(address).await?;
                jetstream.get_stream(&address.queue).await?;
                Open::Nats(Box::new(nats::Publisher::new(jetstream, address.queue.clone())))
            }
            Broker::RabbitMq => {
                let connection = Connection::connect(&address.url, ConnectionProperties::default()).await?;
                let publisher = amqp::Publisher::new(&connection, "", &address.queue).await?;
                Open::Amqp { publisher: Box::new(publisher), _connection: connection }
            }
        })
    }
}

impl Open {
    async fn publish(&self, token: &LockToken, body: String) -> Result<(), PublishError<Failure>> {
        let envelope = Envelope::plain();
        match self {
            Self::Streams(publisher) => envelope.publish(token, publisher, body).await.map_err(boxed),
            Self::Nats(publisher) => envelope.publish(token, &**publisher, body).await.map_err(boxed),
            Self::Amqp { publisher, .. } => envelope.publish(token, &**publisher, body).await.map_err(boxed),
        }
    }
}

fn boxed<E: std::error::Error + Send + Sync + 'static>(error: PublishError<E>) -> PublishError<Failure> {
    match error {
        PublishError::NotPublished(error) => PublishError::NotPublished(error.into()),
        PublishError::Unknown(error) => PublishError::Unknown(error.into()),
    }
}
