//! [`Inbox`]: where a worker gets its jobs from; the same face for every broker.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, PullConsumer, pull},
};
use lapin::{Connection, ConnectionProperties};
use redsync_core::Redsync;
use redsync_queue::{Message, amqp, nats, streams};

use crate::{Failure, broker::Address};

/// The group, or the consumer, that all workers belong to.
pub(crate) const WORKERS: &str = "workers";
/// How long NATS may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

pub(crate) trait Inbox: Sized {
    type Delivery: Message;

    /// `ahead` is how many messages may be there at once, where a broker sends them unasked.
    async fn open(address: &Address, redsync: &Redsync, ahead: u16) -> Result<Self, Failure>;

    /// The next message. After an error the inbox is to be opened anew.
    async fn receive(&mut self) -> Result<Self::Delivery, Failure>;

    fn body(delivery: &Self::Delivery) -> &[u8];
}

impl Inbox for streams::Consumer {
    type Delivery = streams::Delivery;

    async fn open(address: &Address, redsync: &Redsync, _ahead: u16) -> Result<Self, Failure> {
        let node = || redsync_fred::RedisNode::open(&address.url);
        let server = streams::Server::new(node()?, Arc::clone(redsync.runtime()));
        let name = format!("worker-{}", std::process::id());
        Ok(Self::new(server, node()?, address.queue.as_str(), WORKERS, name)
            .claim_after(address.silence)
            .dead_letters(address.dead_letters())
            .delete_done(true))
    }

    async fn receive(&mut self) -> Result<streams::Delivery, Failure> {
        Ok(Self::receive(self).await?)
    }

    fn body(delivery: &streams::Delivery) -> &[u8] {
        delivery.body()
    }
}

impl Inbox for nats::Consumer {
    type Delivery = nats::Delivery;

    async fn open(address: &Address, _redsync: &Redsync, _ahead: u16) -> Result<Self, Failure> {
        let jetstream = jetstream(address).await?;
        let dead_letters = nats::Publisher::new(jetstream.clone(), address.dead_letters());
        Ok(Self::new(pull(address, &jetstream).await?, dead_letters)?)
    }

    async fn receive(&mut self) -> Result<nats::Delivery, Failure> {
        Ok(Self::receive(self).await?.ok_or("the client is closed")?)
    }

    fn body(delivery: &nats::Delivery) -> &[u8] {
        delivery.body()
    }
}

/// A client that goes on trying while the server is away.
pub(crate) async fn jetstream(address: &Address) -> Result<jetstream::Context, Failure> {
    let client = async_nats::ConnectOptions::new().retry_on_initial_connect().connect(&address.url).await?;
    let mut jetstream = jetstream::new(client);
    jetstream.set_timeout(ANSWERS_WITHIN);
    Ok(jetstream)
}

/// The consumer that all workers share, which is made where it is not there.
pub(crate) async fn pull(address: &Address, jetstream: &jetstream::Context) -> Result<PullConsumer, Failure> {
    let config = pull::Config {
        durable_name: Some(WORKERS.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: address.silence,
        ..Default::default()
    };
    let stream = jetstream.get_stream(&address.queue).await?;
    Ok(stream.get_or_create_consumer(WORKERS, config).await?)
}

/// The consumer and its connection, which ends with it.
pub(crate) struct Amqp {
    consumer: amqp::Consumer,
    _connection: Connection,
}

impl Inbox for Amqp {
    type Delivery = amqp::Delivery;

    async fn open(address: &Address, redsync: &Redsync, ahead: u16) -> Result<Self, Failure> {
        let connection = Connection::connect(&address.url, ConnectionProperties::default()).await?;
        let subscription = amqp::Subscription::new(&address.queue, address.dead_letters()).prefetch(ahead);
        let consumer = amqp::Consumer::new(&connection, &subscription, Arc::clone(redsync.runtime())).await?;
        Ok(Self { consumer, _connection: connection })
    }

    async fn receive(&mut self) -> Result<amqp::Delivery, Failure> {
        Ok(self.consumer.receive().await?.ok_or("the consumer has ended")?)
    }

    fn body(delivery: &amqp::Delivery) -> &[u8] {
        delivery.body()
    }
}
