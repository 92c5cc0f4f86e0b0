//! A queue on a real broker with what goes into it and comes out, and locks over nodes in memory.

use std::{
    env,
    future::Future,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use lapin::{
    Channel, Connection, ConnectionProperties,
    message::Delivery as Raw,
    options::{BasicGetOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use redsync_core::{BoxFuture, Guard, Moment, Redsync, Runtime};
use redsync_queue::{
    Envelope, Message, Outcome, Processed, Told, Worker,
    amqp::{Consumer, Delivery, Publisher, Subscription},
};
use redsync_queues::server::{Proxy, RabbitMq};
use redsync_runtime::TokioRuntime;
use redsync_testkit::memory::MemoryNode;

pub(crate) const NAME: &str = "report:7";
pub(crate) const WAIT: Duration = Duration::from_secs(600);
pub(crate) const RETRY: Duration = Duration::from_millis(300);
/// No event takes longer, on whatever machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// A body that is no text.
pub(crate) const BODY: &[u8] = &[0, 0xff, b'7', 0xce, 0];

/// The broker of the tests that do not end it.
pub(crate) fn broker() -> String {
    static SERVER: OnceLock<RabbitMq> = OnceLock::new();
    env::var("AMQP_URL").unwrap_or_else(|_| SERVER.get_or_init(|| RabbitMq::start().expect("a broker")).url())
}

pub(crate) async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.expect("it comes to pass")
}

pub(crate) async fn connect(url: &str) -> Connection {
    Connection::connect(url, ConnectionProperties::default()).await.expect("the broker is there")
}

pub(crate) fn runtime() -> Arc<dyn Runtime> {
    TokioRuntime::shared().expect("in Tokio")
}

/// How many times faster than it is goes the time of a [`Hurried`].
pub(crate) const HURRY: u32 = 20;

/// A runtime whose time goes faster, for what takes long.
struct Hurried {
    real: Arc<dyn Runtime>,
    start: Moment,
}

impl Runtime for Hurried {
    fn now(&self) -> Moment {
        self.start.plus(self.real.now().since(self.start).saturating_mul(HURRY))
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.real.sleep_until(self.start.plus(at.since(self.start) / HURRY))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.real.spawn(task);
    }

    fn wall_clock(&self) -> SystemTime {
        self.real.wall_clock()
    }

    fn random(&self) -> u64 {
        self.real.random()
    }
}

/// A queue with one for its dead letters, and a channel to look into both.
pub(crate) struct Shop {
    pub(crate) url: String,
    pub(crate) queue: String,
    pub(crate) dead_letters: String,
    pub(crate) channel: Channel,
}

impl Shop {
    pub(crate) async fn new() -> Self {
        Self::at(&broker(), "classic").await
    }

    pub(crate) async fn at(url: &str, kind: &str) -> Self {
        Self::with(url, kind, &[]).await
    }

    pub(crate) async fn with(url: &str, kind: &str, arguments: &[(&str, AMQPValue)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let queue = format!("redsync-test-{:x}-{number}", runtime().random());
        let channel = connect(url).await.create_channel().await.expect("a channel");
        let shop = Self { url: url.to_owned(), dead_letters: format!("{queue}-dead"), queue, channel };
        let kind = ("x-queue-type", AMQPValue::LongString(kind.into()));
        shop.declare(&shop.queue, &[&[kind], arguments].concat()).await;
        shop.declare(&shop.dead_letters, &[]).await;
        shop
    }

    pub(crate) async fn declare(&self, queue: &str, arguments: &[(&str, AMQPValue)]) {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let mut table = FieldTable::default();
        // A broker that the tests only borrow is not to keep what they have left.
        table.insert("x-expires".into(), AMQPValue::LongInt(600_000));
        for (key, value) in arguments {
            table.insert((*key).into(), value.clone());
        }
        self.channel.queue_declare(queue.into(), options, table).await.expect("declared");
    }

    pub(crate) fn subscription(&self) -> Subscription {
        Subscription::new(&self.queue, &self.dead_letters)
    }

    pub(crate) async fn consumer(&self) -> (Connection, Consumer) {
        self.consumer_over(connect(&self.url).await, &self.subscription()).await
    }

    pub(crate) async fn consumer_of(&self, prefetch: u16) -> (Connection, Consumer) {
        self.consumer_over(connect(&self.url).await, &self.subscription().prefetch(prefetch)).await
    }

    /// By the proxy, with lapin's automatic recovery.
    pub(crate) async fn recovering_consumer(&self, proxy: &Proxy) -> (Connection, Consumer) {
        let options = ConnectionProperties::default().enable_auto_recover();
        let connection = Connection::connect(&RabbitMq::url_of(proxy.port()), options).await.expect("there");
        self.consumer_over(connection, &self.subscription()).await
    }

    pub(crate) async fn consumer_over(
        &self,
        over: Connection,
        subscription: &Subscription,
    ) -> (Connection, Consumer) {
        let consumer = Consumer::new(&over, subscription, runtime()).await.expect("both are there");
        (over, consumer)
    }

    /// Takes so many messages out by the proxy, for which time goes faster. By then nobody consumes any more, so that what
    /// comes after that is for others.
    pub(crate) async fn hurried(&self, proxy: &Proxy, count: usize) -> (Connection, Vec<Delivery>) {
        let connection = connect(&RabbitMq::url_of(proxy.port())).await;
        let (real, start) = (runtime(), runtime().now());
        let hurried = Arc::new(Hurried { real, start });
        let mut consumer =
            Consumer::new(&connection, &self.subscription(), hurried).await.expect("both are there");
        let mut deliveries = Vec::new();
        for _ in 0..count {
            deliveries.push(receive(&mut consumer).await);
        }
        drop(consumer);
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let is_left = async {
            let queue =
                || self.channel.queue_declare(self.queue.as_str().into(), passive, FieldTable::default());
            while queue().await.expect("it is there").consumer_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        soon(is_left).await;
        (connection, deliveries)
    }

    /// The queue itself, as a header names further ones.
    pub(crate) fn further_queues(&self) -> AMQPValue {
        let further = AMQPValue::LongString(self.queue.as_str().into());
        AMQPValue::FieldArray(vec![further].into())
    }

    pub(crate) async fn publisher(&self) -> Publisher {
        self.publisher_over(&connect(&self.url).await).await
    }

    pub(crate) async fn publisher_over(&self, connection: &Connection) -> Publisher {
        Publisher::new(connection, "", &self.queue).await.expect("a channel")
    }

    pub(crate) async fn publish(&self, body: &[u8]) {
        soon(self.publisher().await.publish(FieldTable::default(), body)).await.expect("published");
    }

    /// Takes a message out of a queue, if one is there.
    pub(crate) async fn take(&self, queue: &str) -> Option<Raw> {
        let options = BasicGetOptions { no_ack: true };
        let message = self.channel.basic_get(queue.into(), options).await.expect("the queue is there");
        message.map(|message| message.delivery)
    }

    /// Ends a consumer once it has acknowledged what it has put at the end of the queue: its dead letters go the same way,
    /// one after the other.
    pub(crate) async fn end(&self, connection: Connection, mut consumer: Consumer) {
        self.publish(b"last").await;
        let delivery = receive(&mut consumer).await;
        assert_eq!((delivery.body(), delivery.is_redelivered()), (&b"last"[..], false));
        soon(delivery.dead_letter("it is the last")).await.expect("connected");
        close(connection).await;
        let dead = self.take(&self.dead_letters).await.expect("confirmed");
        assert_eq!(dead.data, b"last");
        assert!(self.take(&self.dead_letters).await.is_none());
    }

    /// Shows that nothing else is in the queue, whoever had it before: what is published now comes first.
    pub(crate) async fn assert_is_empty(&self) {
        self.publish(b"last").await;
        let (connection, mut consumer) = self.consumer().await;
        let delivery = receive(&mut consumer).await;
        assert_eq!((delivery.body(), delivery.is_redelivered()), (&b"last"[..], false));
        delivery.acknowledge().await.expect("connected");
        close(connection).await;
    }
}

pub(crate) async fn receive(consumer: &mut Consumer) -> Delivery {
    soon(consumer.receive()).await.expect("connected").expect("not cancelled")
}

/// The next one, whatever has become of the connection meanwhile.
pub(crate) async fn recovered(consumer: &mut Consumer) -> Delivery {
    loop {
        if let Ok(delivery) = consumer.receive().await {
            return delivery.expect("not cancelled");
        }
    }
}

pub(crate) async fn close(connection: Connection) {
    connection.close(200, "OK".into()).await.expect("connected");
}

/// Three nodes in memory, by the real clock.
pub(crate) fn redsync() -> (Redsync, Vec<MemoryNode>) {
    let nodes: Vec<_> = (0..3).map(|_| MemoryNode::new(runtime())).collect();
    let redsync = Redsync::builder(runtime()).nodes(nodes.iter().cloned()).build().expect("three nodes");
    (redsync, nodes)
}

pub(crate) async fn lock(redsync: &Redsync) -> Guard {
    redsync.mutex(NAME).fenced().lock().await.expect("free")
}

pub(crate) fn headers_with(token: &redsync_core::LockToken) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert("priority".into(), AMQPValue::LongLongInt(7));
    Envelope::plain().put(token, &mut headers);
    headers
}

pub(crate) async fn process(
    worker: &Worker,
    delivery: &Delivery,
    result: Result<(), &'static str>,
) -> (Outcome<(), &'static str>, Told) {
    let Processed { outcome, told, .. } = soon(worker.process(delivery, |_| async move { result })).await;
    (outcome, told.expect("connected"))
}

/// The port of a broker's URL.
pub(crate) fn port(url: &str) -> u16 {
    let authority = url.trim_start_matches("amqp://").split('/').next().unwrap_or_default();
    authority.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(5672)
}
