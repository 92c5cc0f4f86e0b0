//! Locks and jobs through a real broker that speaks AMQP: the one that `AMQP_URL` names, and otherwise a RabbitMQ of the
//! tests' own.
#![cfg(feature = "amqp")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

use std::{
    env,
    future::Future,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::Delivery as Raw,
    options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use redsync_core::{ErrorKind, Guard, Redsync, Runtime};
use redsync_queue::{
    Carrier, Envelope, HandOverError, Message, NotLocked, Otherwise, Outcome, Policy, Processed,
    PublishError, Told, Untold, WHY_HEADER, Worker,
    amqp::{ATTEMPTS_HEADER, Consumer, Delivery, Error, Publisher, Subscription},
    hand_over,
};
use redsync_queues::server::{Proxy, RabbitMq};
use redsync_runtime::TokioRuntime;
use redsync_testkit::{cancel::drop_after, memory::MemoryNode};

const NAME: &str = "report:7";
const WAIT: Duration = Duration::from_secs(600);
const RETRY: Duration = Duration::from_millis(300);
/// No event takes longer, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// A body that is no text.
const BODY: &[u8] = &[0, 0xff, b'7', 0xce, 0];

/// The broker of the tests that do not end it.
fn broker() -> String {
    static SERVER: OnceLock<RabbitMq> = OnceLock::new();
    env::var("AMQP_URL").unwrap_or_else(|_| SERVER.get_or_init(|| RabbitMq::start().expect("a broker")).url())
}

async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.expect("it comes to pass")
}

async fn connect(url: &str) -> Connection {
    Connection::connect(url, ConnectionProperties::default()).await.expect("the broker is there")
}

fn runtime() -> Arc<dyn Runtime> {
    TokioRuntime::shared().expect("in Tokio")
}

/// A queue with one for its dead letters, and a channel to look into both.
struct Shop {
    url: String,
    queue: String,
    dead_letters: String,
    channel: Channel,
}

impl Shop {
    async fn new() -> Self {
        Self::at(&broker(), "classic").await
    }

    async fn at(url: &str, kind: &str) -> Self {
        Self::with(url, kind, &[]).await
    }

    async fn with(url: &str, kind: &str, arguments: &[(&str, AMQPValue)]) -> Self {
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

    async fn declare(&self, queue: &str, arguments: &[(&str, AMQPValue)]) {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let mut table = FieldTable::default();
        // A broker that the tests only borrow is not to keep what they have left.
        table.insert("x-expires".into(), AMQPValue::LongInt(600_000));
        for (key, value) in arguments {
            table.insert((*key).into(), value.clone());
        }
        self.channel.queue_declare(queue.into(), options, table).await.expect("declared");
    }

    fn subscription(&self) -> Subscription {
        Subscription::new(&self.queue, &self.dead_letters)
    }

    async fn consumer(&self) -> (Connection, Consumer) {
        self.consumer_over(connect(&self.url).await, &self.subscription()).await
    }

    async fn consumer_of(&self, prefetch: u16) -> (Connection, Consumer) {
        self.consumer_over(connect(&self.url).await, &self.subscription().prefetch(prefetch)).await
    }

    /// By the proxy, with lapin's automatic recovery.
    async fn recovering_consumer(&self, proxy: &Proxy) -> (Connection, Consumer) {
        let options = ConnectionProperties::default().enable_auto_recover();
        let connection = Connection::connect(&RabbitMq::url_of(proxy.port()), options).await.expect("there");
        self.consumer_over(connection, &self.subscription()).await
    }

    async fn consumer_over(&self, over: Connection, subscription: &Subscription) -> (Connection, Consumer) {
        let consumer = Consumer::new(&over, subscription, runtime()).await.expect("both are there");
        (over, consumer)
    }

    /// The queue itself, as a header names further ones.
    fn further_queues(&self) -> AMQPValue {
        let further = AMQPValue::LongString(self.queue.as_str().into());
        AMQPValue::FieldArray(vec![further].into())
    }

    async fn publisher(&self) -> Publisher {
        self.publisher_over(&connect(&self.url).await).await
    }

    async fn publisher_over(&self, connection: &Connection) -> Publisher {
        Publisher::new(connection, "", &self.queue).await.expect("a channel")
    }

    async fn publish(&self, body: &[u8]) {
        soon(self.publisher().await.publish(FieldTable::default(), body)).await.expect("published");
    }

    /// Takes a message out of a queue, if one is there.
    async fn take(&self, queue: &str) -> Option<Raw> {
        let options = BasicGetOptions { no_ack: true };
        let message = self.channel.basic_get(queue.into(), options).await.expect("the queue is there");
        message.map(|message| message.delivery)
    }

    /// Ends a consumer once it has acknowledged what it has put at the end of the queue: its dead letters go the same way,
    /// one after the other.
    async fn end(&self, connection: Connection, mut consumer: Consumer) {
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
    async fn assert_is_empty(&self) {
        self.publish(b"last").await;
        let (connection, mut consumer) = self.consumer().await;
        let delivery = receive(&mut consumer).await;
        assert_eq!((delivery.body(), delivery.is_redelivered()), (&b"last"[..], false));
        delivery.acknowledge().await.expect("connected");
        close(connection).await;
    }
}

async fn receive(consumer: &mut Consumer) -> Delivery {
    soon(consumer.receive()).await.expect("connected").expect("not cancelled")
}

/// The next one, whatever has become of the connection meanwhile.
async fn recovered(consumer: &mut Consumer) -> Delivery {
    loop {
        if let Ok(delivery) = consumer.receive().await {
            return delivery.expect("not cancelled");
        }
    }
}

async fn close(connection: Connection) {
    connection.close(200, "OK".into()).await.expect("connected");
}

/// Three nodes in memory, by the real clock.
fn redsync() -> (Redsync, Vec<MemoryNode>) {
    let nodes: Vec<_> = (0..3).map(|_| MemoryNode::new(runtime())).collect();
    let redsync = Redsync::builder(runtime()).nodes(nodes.iter().cloned()).build().expect("three nodes");
    (redsync, nodes)
}

async fn lock(redsync: &Redsync) -> Guard {
    redsync.mutex(NAME).fenced().lock().await.expect("free")
}

fn headers_with(token: &redsync_core::LockToken) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert("priority".into(), AMQPValue::LongLongInt(7));
    Envelope::plain().put(token, &mut headers);
    headers
}

async fn process(
    worker: &Worker,
    delivery: &Delivery,
    result: Result<(), &'static str>,
) -> (Outcome<(), &'static str>, Told) {
    let Processed { outcome, told, .. } = soon(worker.process(delivery, |_| async move { result })).await;
    (outcome, told.expect("connected"))
}

#[tokio::test]
async fn a_token_and_a_binary_body_arrive_as_they_were() {
    let (shop, (redsync, _nodes)) = (Shop::new().await, redsync());
    let token = lock(&redsync).await.hand_over(WAIT).await.expect("held");
    let properties = BasicProperties::default().with_content_type("application/pdf".into());
    let publisher = shop.publisher().await.properties(properties);
    soon(publisher.publish(headers_with(&token), BODY)).await.expect("published");
    let (_connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    assert_eq!(delivery.body(), BODY);
    assert_eq!(*delivery.headers(), headers_with(&token));
    assert_eq!(
        delivery.properties().content_type().as_ref().map(|kind| kind.as_str()),
        Some("application/pdf")
    );
    assert_eq!(*delivery.properties().delivery_mode(), Some(2));
    let arrived = Envelope::plain().take(delivery.headers()).expect("there").expect("whole");
    assert_eq!(arrived.to_compact(), token.to_compact());
    assert!(redsync.adopt(&arrived).await.expect("handed over").is_valid());
}

#[tokio::test]
async fn what_is_acknowledged_does_not_come_again() {
    let shop = Shop::new().await;
    shop.publish(BODY).await;
    let (connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    delivery.acknowledge().await.expect("connected");
    // It is settled, and nothing more happens to it.
    delivery.acknowledge().await.expect("settled");
    delivery.deliver_again(Duration::ZERO).await.expect("settled");
    delivery.dead_letter("late").await.expect("settled");
    close(connection).await;
    shop.assert_is_empty().await;
    assert!(shop.take(&shop.dead_letters).await.is_none());
}

#[tokio::test]
async fn what_is_to_be_delivered_again_comes_again_after_its_time() {
    for kind in ["classic", "quorum"] {
        let shop = Shop::at(&broker(), kind).await;
        shop.publish(BODY).await;
        let (connection, mut consumer) = shop.consumer().await;
        let delivery = receive(&mut consumer).await;
        assert!(!delivery.is_redelivered(), "{kind}");
        let begun = Instant::now();
        delivery.deliver_again(RETRY).await.expect("connected");
        assert!(begun.elapsed() < RETRY, "it waits in the background");
        drop(delivery);
        let delivery = receive(&mut consumer).await;
        assert!(begun.elapsed() >= RETRY, "{kind}: {:?}", begun.elapsed());
        assert!(delivery.is_redelivered(), "{kind}");
        assert_eq!(delivery.body(), BODY);
        delivery.acknowledge().await.expect("connected");
        shop.end(connection, consumer).await;
        shop.assert_is_empty().await;
    }
}

#[tokio::test]
async fn what_waits_to_be_delivered_again_counts_in_the_prefetch_and_outlives_its_consumer() {
    let shop = Shop::new().await;
    shop.publish(b"first").await;
    shop.publish(b"second").await;
    let (_connection, mut consumer) = shop.consumer_of(1).await;
    let begun = Instant::now();
    receive(&mut consumer).await.deliver_again(RETRY).await.expect("connected");
    let delivery = receive(&mut consumer).await;
    assert!(begun.elapsed() >= RETRY, "{:?}", begun.elapsed());
    assert_eq!((delivery.body(), delivery.is_redelivered()), (&b"second"[..], false));
    delivery.deliver_again(RETRY).await.expect("connected");
    drop((delivery, consumer));
    let (_other, mut consumer) = shop.consumer().await;
    for body in [b"first".as_slice(), b"second"] {
        let delivery = receive(&mut consumer).await;
        assert_eq!((delivery.body(), delivery.is_redelivered()), (body, true));
        delivery.acknowledge().await.expect("connected");
    }
}

#[tokio::test]
async fn what_is_put_at_the_end_of_its_queue_is_as_it_was() {
    for kind in ["classic", "quorum"] {
        let shop = Shop::at(&broker(), kind).await;
        let properties = BasicProperties::default()
            .with_message_id("7".into())
            .with_priority(3)
            .with_expiration("60000".into());
        let publisher = shop.publisher().await.properties(properties.clone());
        // The broker sends a message also to the queues that these name.
        let mut headers = FieldTable::default();
        headers.set("key", "value".to_owned());
        headers.insert("CC".into(), shop.further_queues());
        soon(publisher.publish(headers, BODY)).await.expect("published");
        let (connection, mut consumer) = shop.consumer().await;
        // A worker that is gone has had it, which a quorum queue counts.
        drop(receive(&mut consumer).await);
        let mut left = 60_000;
        for attempts in ["1", "2"] {
            receive(&mut consumer).await.deliver_again(RETRY).await.expect("connected");
            let delivery = receive(&mut consumer).await;
            assert_eq!((delivery.body(), delivery.is_redelivered()), (BODY, true), "{kind}");
            let now = delivery.properties().expiration().as_ref().and_then(|left| left.as_str().parse().ok());
            let now: u128 = now.expect("a number");
            assert!(now <= left - RETRY.as_millis(), "{now} of {left} ms are left");
            left = now;
            let mut expected = FieldTable::default();
            expected.set("key", "value".to_owned());
            expected.set(ATTEMPTS_HEADER, attempts.to_owned());
            let expected = properties.clone().with_headers(expected).with_expiration(now.to_string().into());
            assert_eq!(*delivery.properties(), expected.with_delivery_mode(2), "{kind}");
            drop(delivery);
        }
        receive(&mut consumer).await.acknowledge().await.expect("connected");
        shop.end(connection, consumer).await;
        shop.assert_is_empty().await;
    }
}

#[tokio::test]
async fn what_cannot_be_put_at_the_end_of_its_queue_is_given_back() {
    let full = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    let shop = Shop::with(&broker(), "classic", &full).await;
    shop.publish(b"first").await;
    let (_connection, mut consumer) = shop.consumer_of(1).await;
    let delivery = receive(&mut consumer).await;
    shop.publish(b"second").await;
    delivery.deliver_again(RETRY).await.expect("connected");
    for (body, is_redelivered) in [(b"first".as_slice(), true), (b"second", false)] {
        let delivery = receive(&mut consumer).await;
        assert_eq!((delivery.body(), delivery.is_redelivered()), (body, is_redelivered));
        delivery.acknowledge().await.expect("connected");
    }
}

#[tokio::test]
async fn what_the_broker_has_back_meanwhile_is_not_put_at_the_end_of_its_queue() {
    let shop = Shop::new().await;
    let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
    let (connection, mut consumer) = shop.recovering_consumer(&proxy).await;
    shop.publish(BODY).await;
    // Longer than it takes to connect again.
    let (begun, after) = (Instant::now(), Duration::from_secs(5));
    receive(&mut consumer).await.deliver_again(after).await.expect("connected");
    proxy.cut();
    let again = soon(recovered(&mut consumer)).await;
    assert!(begun.elapsed() < after, "{:?}", begun.elapsed());
    // When this comes again, the time of the first is over as well.
    again.deliver_again(after).await.expect("connected again");
    receive(&mut consumer).await.acknowledge().await.expect("connected");
    shop.end(connection, consumer).await;
    shop.assert_is_empty().await;
}

#[tokio::test]
async fn messages_that_wait_for_a_lock_do_not_keep_out_the_one_that_comes_with_it() {
    let (shop, (redsync, _nodes)) = (Shop::new().await, redsync());
    let mutex = redsync.mutex(NAME).ttl(Duration::from_millis(500));
    let publisher = shop.publisher().await;
    for (body, is_used_up) in [("first", true), ("second", true), ("third", false)] {
        let token = mutex.lock().await.expect("free").hand_over(WAIT).await.expect("held");
        soon(publisher.publish(headers_with(&token), body)).await.expect("published");
        if is_used_up {
            redsync.adopt(&token).await.expect("handed over").release().await.expect("held");
        }
    }
    let worker = Worker::new(redsync.clone()).policy(Policy::default().expired(Otherwise::LockAnew));
    let (connection, mut consumer) = shop.consumer_of(2).await;
    let mut order = Vec::new();
    for _ in 0..5 {
        let delivery = receive(&mut consumer).await;
        let (outcome, _) = process(&worker, &delivery, Ok(())).await;
        order.push((
            String::from_utf8_lossy(delivery.body()).into_owned(),
            matches!(outcome, Outcome::Done(())),
        ));
    }
    let expected = [("first", false), ("second", false), ("third", true), ("first", true), ("second", true)];
    assert_eq!(order, expected.map(|(body, is_done)| (body.to_owned(), is_done)));
    shop.end(connection, consumer).await;
    shop.assert_is_empty().await;
}

#[tokio::test]
async fn a_dead_letter_is_where_such_are_looked_after_and_comes_no_more() {
    let (shop, (redsync, _nodes)) = (Shop::new().await, redsync());
    let token = lock(&redsync).await.hand_over(WAIT).await.expect("held");
    let properties = BasicProperties::default()
        .with_message_id("7".into())
        .with_expiration("60000".into())
        .with_priority(3);
    let publisher = shop.publisher().await.properties(properties);
    let mut headers = headers_with(&token);
    // The broker sends a message also to the queues that these name.
    headers.insert("CC".into(), shop.further_queues());
    soon(publisher.publish(headers, BODY)).await.expect("published");
    let (connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    soon(delivery.dead_letter("no paper")).await.expect("connected");
    close(connection).await;
    let dead = shop.take(&shop.dead_letters).await.expect("confirmed");
    assert_eq!(dead.data, BODY);
    let mut expected = headers_with(&token);
    expected.set(WHY_HEADER, "no paper".to_owned());
    let properties = BasicProperties::default().with_message_id("7".into()).with_priority(3);
    assert_eq!(dead.properties, properties.with_headers(expected).with_delivery_mode(2));
    assert!(shop.take(&shop.dead_letters).await.is_none());
    shop.assert_is_empty().await;
}

#[tokio::test]
async fn what_does_not_get_to_the_dead_letters_comes_again() {
    let shop = Shop::new().await;
    let (_connection, mut consumer) = shop.consumer().await;
    shop.channel
        .queue_delete(shop.dead_letters.as_str().into(), QueueDeleteOptions::default())
        .await
        .expect("it was there");
    shop.publish(BODY).await;
    let delivery = receive(&mut consumer).await;
    let begun = Instant::now();
    let error = soon(delivery.dead_letter("no paper")).await.expect_err("nowhere to go");
    assert!(matches!(error, Error::Unroutable { code: 312, .. }), "{error:?}");
    // It can be tried again, and nobody is told that it is there.
    let (redsync, _nodes) = redsync();
    let processed = soon(Worker::new(redsync).process(&delivery, |_| async { Ok::<_, ()>(()) })).await;
    let failed = matches!(processed.told, Err(Untold::Failed(Error::Unroutable { .. })));
    assert!(failed, "{processed:?}");
    drop(delivery);
    let delivery = receive(&mut consumer).await;
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}: it goes round and round", begun.elapsed());
    assert_eq!((delivery.body(), delivery.is_redelivered()), (BODY, true));
    // Whoever sets such a consumer up is told at once.
    let connection = connect(&shop.url).await;
    let error = Consumer::new(&connection, &shop.subscription(), runtime()).await.err();
    assert!(matches!(error, Some(Error::Client(_))), "{error:?}");
}

#[tokio::test]
async fn a_dead_letter_whose_call_is_dropped_comes_again() {
    let shop = Shop::new().await;
    shop.publish(BODY).await;
    let (_connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    assert!(drop_after(1, delivery.dead_letter("no paper")).await.is_none());
    drop(delivery);
    assert!(receive(&mut consumer).await.is_redelivered());
}

#[tokio::test]
async fn what_is_dropped_or_cut_off_comes_again() {
    let shop = Shop::new().await;
    let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
    shop.publish(BODY).await;
    let connection = connect(&RabbitMq::url_of(proxy.port())).await;
    let mut consumer =
        Consumer::new(&connection, &shop.subscription(), runtime()).await.expect("both are there");
    drop(receive(&mut consumer).await);
    let delivery = receive(&mut consumer).await;
    assert_eq!((delivery.body(), delivery.is_redelivered()), (BODY, true));
    proxy.cut();
    assert!(soon(consumer.receive()).await.is_err());
    assert!(delivery.acknowledge().await.is_err());
    let (_connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    assert_eq!((delivery.body(), delivery.is_redelivered()), (BODY, true));
}

#[tokio::test]
async fn a_consumer_that_is_dropped_gives_back_what_it_has_not_received() {
    let shop = Shop::new().await;
    shop.publish(b"first").await;
    shop.publish(b"second").await;
    let (connection, mut consumer) = shop.consumer().await;
    let first = receive(&mut consumer).await;
    drop(consumer);
    let mut other =
        Consumer::new(&connection, &shop.subscription(), runtime()).await.expect("both are there");
    let second = receive(&mut other).await;
    assert_eq!((first.body(), second.body()), (&b"first"[..], &b"second"[..]));
    first.acknowledge().await.expect("its channel is still there");
    second.acknowledge().await.expect("connected");
    close(connection).await;
    shop.assert_is_empty().await;
}

#[tokio::test]
async fn a_message_that_no_queue_is_to_have_is_not_published() {
    let shop = Shop::new().await;
    let publisher = Publisher::new(&connect(&shop.url).await, "", "nowhere").await.expect("a channel");
    for _ in 0..2 {
        let error = soon(publisher.publish(FieldTable::default(), BODY)).await.expect_err("nowhere to go");
        let PublishError::NotPublished(Error::Unroutable { code, reason }) = error else {
            panic!("{error:?}")
        };
        assert_eq!((code, reason.as_str()), (312, "NO_ROUTE"));
    }
}

#[tokio::test]
async fn an_exchange_that_does_not_exist_ends_the_publisher() {
    let shop = Shop::new().await;
    let publisher =
        Publisher::new(&connect(&shop.url).await, "no such exchange", "").await.expect("a channel");
    let error = soon(publisher.publish(FieldTable::default(), BODY)).await.expect_err("nowhere to go");
    assert!(matches!(error, PublishError::Unknown(Error::Client(_))), "{error:?}");
    let error =
        soon(publisher.publish(FieldTable::default(), BODY)).await.expect_err("its channel has ended");
    assert!(matches!(error, PublishError::NotPublished(Error::Ended)), "{error:?}");
}

#[tokio::test]
async fn what_the_broker_does_not_answer_for_may_be_in_another_queue() {
    let shop = Shop::new().await;
    let full = format!("{}-full", shop.queue);
    let overflow = AMQPValue::LongString("reject-publish".into());
    shop.declare(&full, &[("x-max-length", AMQPValue::LongInt(0)), ("x-overflow", overflow)]).await;
    for queue in [&full, &shop.queue] {
        let bind = QueueBindOptions::default();
        let (exchange, key) = ("amq.direct".into(), shop.queue.as_str().into());
        shop.channel
            .queue_bind(queue.as_str().into(), exchange, key, bind, FieldTable::default())
            .await
            .expect("bound");
    }
    let connection = connect(&shop.url).await;
    let publisher = Publisher::new(&connection, "amq.direct", &shop.queue).await.expect("a channel");
    let error = soon(publisher.publish(FieldTable::default(), BODY)).await.expect_err("one is full");
    assert!(matches!(error, PublishError::Unknown(Error::Refused)), "{error:?}");
    let (_connection, mut consumer) = shop.consumer().await;
    assert_eq!(receive(&mut consumer).await.body(), BODY);
}

#[tokio::test]
async fn a_confirmation_that_is_cut_off_leaves_it_unknown() {
    let shop = Shop::new().await;
    let (connection, mut consumer) = shop.consumer().await;
    let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
    for arrives in [true, false] {
        let publisher = shop.publisher_over(&connect(&RabbitMq::url_of(proxy.port())).await).await;
        if arrives {
            proxy.hold_replies()
        } else {
            proxy.hold_requests()
        }
        let cut = async {
            if arrives {
                let delivery = receive(&mut consumer).await;
                assert_eq!(delivery.body(), BODY);
                delivery.acknowledge().await.expect("connected");
            }
            proxy.cut();
        };
        let (published, ()) = tokio::join!(soon(publisher.publish(FieldTable::default(), BODY)), cut);
        assert!(matches!(published, Err(PublishError::Unknown(Error::Client(_)))), "{published:?}");
        let error = soon(publisher.publish(FieldTable::default(), BODY)).await.expect_err("no connection");
        assert!(matches!(error, PublishError::NotPublished(Error::Ended)), "{error:?}");
    }
    close(connection).await;
    shop.assert_is_empty().await;
}

#[tokio::test]
async fn a_publish_that_is_dropped_does_not_confuse_the_next() {
    let shop = Shop::new().await;
    let connection = connect(&shop.url).await;
    let to_queue = shop.publisher_over(&connection).await;
    let to_nowhere = Publisher::new(&connection, "", "nowhere").await.expect("a channel");
    for _ in 0..20 {
        for publisher in [&to_queue, &to_nowhere] {
            let dropped = publisher.publish(FieldTable::default(), "dropped");
            assert!(drop_after(1, dropped).await.is_none());
        }
        soon(to_queue.publish(FieldTable::default(), BODY)).await.expect("published");
        let error = soon(to_nowhere.publish(FieldTable::default(), BODY)).await.expect_err("nowhere to go");
        assert!(matches!(error, PublishError::NotPublished(Error::Unroutable { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_known_what_became_of_a_publish_that_was_dropped() {
    let shop = Shop::new().await;
    let (connection, mut consumer) = shop.consumer().await;
    let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
    let publisher = shop.publisher_over(&connect(&RabbitMq::url_of(proxy.port())).await).await;
    proxy.hold_replies();
    // It may be sent by then, and would not be heard of before the heartbeats fail.
    assert!(publisher.publish(FieldTable::default(), "dropped").now_or_never().is_none());
    let cut = async {
        let delivery = receive(&mut consumer).await;
        assert_eq!(delivery.body(), b"dropped");
        delivery.acknowledge().await.expect("connected");
        proxy.cut();
    };
    let (published, ()) = tokio::join!(soon(publisher.publish(FieldTable::default(), BODY)), cut);
    assert!(matches!(published, Err(PublishError::NotPublished(Error::Ended))), "{published:?}");
    close(connection).await;
    shop.assert_is_empty().await;
}

#[tokio::test]
async fn what_is_confirmed_survives_the_end_of_the_broker() {
    let mut server = RabbitMq::start().expect("a broker");
    let shop = Shop::at(&server.url(), "classic").await;
    let publisher = shop.publisher().await;
    soon(publisher.publish(FieldTable::default(), BODY)).await.expect("published");
    server.kill();
    // The client may notice it only when it publishes, and then nobody knows.
    let not_published = async {
        loop {
            match publisher.publish(FieldTable::default(), "lost").await {
                Ok(()) => panic!("there is no broker"),
                Err(PublishError::Unknown(_)) => tokio::task::yield_now().await,
                Err(PublishError::NotPublished(error)) => return error,
            }
        }
    };
    assert!(matches!(soon(not_published).await, Error::Ended));
    server.restart().expect("it serves again");
    let (connection, mut consumer) = shop.consumer().await;
    assert_eq!(receive(&mut consumer).await.body(), BODY);
    close(connection).await;
    server.stop().expect("our own");
    server.restart().expect("it serves again");
    let (_connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    assert_eq!(delivery.body(), BODY);
    delivery.acknowledge().await.expect("connected");
}

#[tokio::test]
async fn a_message_that_is_worked_on_for_too_long_comes_again() {
    let server =
        RabbitMq::with("-rabbit consumer_timeout 1000 -rabbit channel_tick_interval 500").expect("a broker");
    let shop = Shop::at(&server.url(), "classic").await;
    shop.publish(BODY).await;
    let (_connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    assert_eq!(delivery.keep_alive_every(), None);
    assert!(matches!(soon(consumer.receive()).await, Err(Error::Client(_))));
    assert!(delivery.acknowledge().await.is_err());
    let (_connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    assert_eq!((delivery.body(), delivery.is_redelivered()), (BODY, true));
}

#[tokio::test]
async fn with_automatic_recovery_both_go_on_after_a_lost_connection() {
    let shop = Shop::new().await;
    let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
    let (connection, mut consumer) = shop.recovering_consumer(&proxy).await;
    let publisher = shop.publisher_over(&connection).await;
    shop.publish(BODY).await;
    let delivery = receive(&mut consumer).await;
    proxy.cut();
    let again = soon(recovered(&mut consumer)).await;
    assert_eq!((again.body(), again.is_redelivered()), (BODY, true));
    assert!(matches!(delivery.acknowledge().await, Err(Error::Ended)));
    again.acknowledge().await.expect("connected again");
    let published = async {
        while publisher.publish(FieldTable::default(), "on").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon(published).await;
    assert_eq!(receive(&mut consumer).await.body(), b"on");
}

#[tokio::test]
async fn a_lock_goes_through_the_broker_with_its_job() {
    let (shop, (redsync, nodes)) = (Shop::new().await, redsync());
    let (publisher, (connection, mut consumer)) = (shop.publisher().await, shop.consumer().await);
    let guard = lock(&redsync).await;
    hand_over(guard, WAIT, |token| publisher.publish(headers_with(&token), BODY)).await.expect("published");
    let worker = Worker::new(redsync.clone()).policy(Policy::default().retry_after(RETRY));
    let (outcome, told) = process(&worker, &receive(&mut consumer).await, Err("no paper")).await;
    assert!(matches!(outcome, Outcome::Failed("no paper")), "{outcome:?}");
    assert_eq!(told, Told::ToDeliverAgain(RETRY));
    let delivery = receive(&mut consumer).await;
    assert!(delivery.is_redelivered());
    let (outcome, told) = process(&worker, &delivery, Ok(())).await;
    assert!(matches!(outcome, Outcome::Done(())), "{outcome:?}");
    assert_eq!(told, Told::Acknowledged);
    shop.end(connection, consumer).await;
    redsync.settled().await;
    assert!(nodes.iter().all(|node| node.get(NAME).is_none()));
    shop.assert_is_empty().await;
}

#[tokio::test]
async fn a_job_without_a_lock_goes_to_the_dead_letters() {
    let (shop, (redsync, _nodes)) = (Shop::new().await, redsync());
    shop.publish(BODY).await;
    let (connection, mut consumer) = shop.consumer().await;
    let (outcome, told) = process(&Worker::new(redsync), &receive(&mut consumer).await, Ok(())).await;
    assert!(matches!(outcome, Outcome::NotLocked(NotLocked::Missing)), "{outcome:?}");
    assert_eq!(told, Told::DeadLettered);
    close(connection).await;
    let dead = shop.take(&shop.dead_letters).await.expect("confirmed");
    let why = dead.properties.headers().as_ref().and_then(|headers| headers.get(WHY_HEADER));
    assert_eq!(why.as_deref(), Some("the message has no lock token"));
    shop.assert_is_empty().await;
}

/// What a connection that is cut during a publish leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    BeforeItArrives,
    BeforeAWorkerHasIt,
    AfterAWorkerHasIt,
}

#[tokio::test]
async fn a_lock_whose_publish_is_cut_off_is_either_the_handlers_or_a_workers() {
    for when in [Cut::BeforeItArrives, Cut::BeforeAWorkerHasIt, Cut::AfterAWorkerHasIt] {
        let (shop, (redsync, _nodes)) = (Shop::new().await, redsync());
        let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
        let publisher = shop.publisher_over(&connect(&RabbitMq::url_of(proxy.port())).await).await;
        let (_connection, mut consumer) = shop.consumer().await;
        let guard = lock(&redsync).await;
        if when == Cut::BeforeItArrives {
            proxy.hold_requests()
        } else {
            proxy.hold_replies()
        }
        let handler = hand_over(guard, WAIT, |token| publisher.publish(headers_with(&token), BODY));
        let worker = async {
            let delivery = match when {
                Cut::BeforeItArrives => None,
                Cut::BeforeAWorkerHasIt | Cut::AfterAWorkerHasIt => Some(receive(&mut consumer).await),
            };
            let token = delivery
                .as_ref()
                .map(|delivery| Envelope::plain().take(delivery.headers()).expect("there").expect("whole"));
            let adopted = match token {
                Some(token) if when == Cut::AfterAWorkerHasIt => {
                    Some(redsync.adopt(&token).await.expect("first"))
                }
                Some(_) | None => None,
            };
            proxy.cut();
            (delivery, adopted)
        };
        let (handed_over, (delivery, adopted)) = soon(async { tokio::join!(handler, worker) }).await;
        let Err(HandOverError::Unknown { lock, .. }) = handed_over else {
            panic!("{when:?}: {handed_over:?}")
        };
        assert_eq!(lock.is_ok(), adopted.is_none(), "{when:?}: one of them has it, and not both");
        match &lock {
            Ok(guard) => assert!(guard.is_valid(), "{when:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyAdopted, "{when:?}"),
        }
        if let (Some(delivery), Ok(guard)) = (delivery, lock) {
            let (outcome, told) = process(&Worker::new(redsync.clone()), &delivery, Ok(())).await;
            assert!(matches!(outcome, Outcome::NotLocked(NotLocked::AlreadyAdopted(_))), "{outcome:?}");
            assert!(matches!(told, Told::ToDeliverAgain(_)), "{told:?}");
            assert!(guard.is_valid());
        }
    }
}

/// The port of a broker's URL.
fn port(url: &str) -> u16 {
    let authority = url.trim_start_matches("amqp://").split('/').next().unwrap_or_default();
    authority.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(5672)
}
