//! What is to be delivered again goes to the end of its queue when its time is over.

use std::time::{Duration, Instant};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use redsync_queue::{Carrier, Message, Otherwise, Outcome, Policy, Worker, amqp::ATTEMPTS_HEADER};
use redsync_queues::server::Proxy;

use crate::shop::{
    BODY, HURRY, NAME, RETRY, Shop, WAIT, broker, headers_with, port, process, receive, recovered, redsync,
    soon,
};

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
        assert_eq!(delivery.attempt(), Some(1), "there is no place for a count");
        delivery.acknowledge().await.expect("connected");
    }
}

#[tokio::test]
async fn what_is_not_confirmed_in_time_is_given_back_and_so_is_what_waits_behind_it() {
    let shop = Shop::new().await;
    let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
    shop.publish(b"first").await;
    shop.publish(b"second").await;
    let (_connection, deliveries) = shop.hurried(&proxy, 2).await;
    // The broker gets the copy of the first, and the channel stays open; but nobody hears of a confirmation.
    proxy.lose_replies();
    let begun = Instant::now();
    for delivery in deliveries {
        delivery.deliver_again(Duration::ZERO).await.expect("it waits in the background");
    }
    let (connection, mut consumer) = shop.consumer().await;
    let mut came = Vec::new();
    for _ in 0..3 {
        let delivery = receive(&mut consumer).await;
        if came.len() == 1 {
            let bound = Duration::from_secs(30) / HURRY;
            assert!(begun.elapsed() >= bound, "{:?}", begun.elapsed());
        }
        let body = String::from_utf8_lossy(delivery.body()).into_owned();
        came.push((body, delivery.attempt(), delivery.is_redelivered()));
        delivery.acknowledge().await.expect("connected");
    }
    came[1..].sort_unstable();
    let expected = [("first", Some(2), true), ("first", Some(1), true), ("second", Some(1), true)];
    assert_eq!(came, expected.map(|(body, attempt, again)| (body.to_owned(), attempt, again)));
    shop.end(connection, consumer).await;
    shop.assert_is_empty().await;
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
    assert_eq!((again.attempt(), again.is_redelivered()), (Some(1), true), "there is no place for a count");
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
