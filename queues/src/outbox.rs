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
        let mut place = self.open.lock().await;
        // Not in its place meanwhile: where this has failed, or is dropped since nothing is heard of it, the next one is not to
        // wait for the same connection.
        let Some(open) = place.take() else {
            return Err(PublishError::NotPublished("another publisher has lost the connection".into()));
        };
        open.publish(&token, job.body()).await?;
        *place = Some(open);
        Ok(())
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

#[cfg(test)]
mod tests {
    use redsync_testkit::server::Server;

    use super::*;
    use crate::server::{Proxy, RabbitMq};

    const SOON: Duration = Duration::from_secs(20);
    const QUEUE: &str = "jobs";

    /// A broker that goes on, a connection that stays open, and a confirmation that never comes.
    #[tokio::test]
    async fn after_a_publish_that_nothing_was_heard_of_the_next_one_takes_another_connection() {
        let (broker, locks) = (RabbitMq::start().unwrap(), Server::start().unwrap());
        let proxy = Proxy::start(broker.port()).await.unwrap();
        let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let queue = || channel.queue_declare(QUEUE.into(), Default::default(), Default::default());
        queue().await.unwrap();
        let redsync = redsync_redis_rs::connect([locks.url()]).await.unwrap();
        let (url, queue_name, silence) = (RabbitMq::url_of(proxy.port()), QUEUE.to_owned(), SOON);
        let address = Address { broker: Broker::RabbitMq, url, queue: queue_name, silence };
        let outbox = Outbox::new(address, Arc::clone(redsync.runtime()));
        let job = Job { id: "j".to_owned(), name: "n".to_owned() };
        let token = redsync.mutex("n").lock().await.unwrap().hand_over(SOON).await.unwrap();
        outbox.open().await.unwrap();
        proxy.lose_replies();
        let stored = async { while queue().await.unwrap().message_count() < 1 {} };
        tokio::select! {
            published = outbox.publish(token.clone(), &job) => panic!("{:?}", published.map_err(|_| ())),
            () = stored => {}
        }
        proxy.relieve();
        timeout(SOON, outbox.publish(token, &job)).await.unwrap().map_err(|_| ()).unwrap();
        assert_eq!(queue().await.unwrap().message_count(), 2);
    }
}
