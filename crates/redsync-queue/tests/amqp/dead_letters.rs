//! What nobody is to work on goes to the dead letters, or comes again.

use std::time::{Duration, Instant};

use lapin::{BasicProperties, options::QueueDeleteOptions};
use redsync_queue::{
    Carrier, Message, NotLocked, Outcome, Policy, Told, Untold, WHY_HEADER, Worker,
    amqp::{Consumer, Error},
};
use redsync_queues::server::Proxy;
use redsync_testkit::cancel::drop_after;

use crate::shop::{
    BODY, HURRY, Shop, WAIT, close, connect, headers_with, lock, port, process, receive, redsync, runtime,
    soon,
};

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
    let begun = Instant::now();
    assert!(drop_after(1, delivery.dead_letter("no paper")).await.is_none());
    drop(delivery);
    assert!(receive(&mut consumer).await.is_redelivered());
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}: it goes round and round", begun.elapsed());
}

#[tokio::test]
async fn a_job_whose_dead_letter_is_not_confirmed_in_time_does_not_come_again_at_once() {
    let shop = Shop::new().await;
    let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
    shop.publish(BODY).await;
    let (_connection, mut deliveries) = shop.hurried(&proxy, 1).await;
    let delivery = deliveries.pop().expect("one");
    proxy.lose_replies();
    let (redsync, _nodes) = redsync();
    let worker = Worker::new(redsync).policy(Policy::default().settle_within(Duration::from_millis(300)));
    let begun = Instant::now();
    let processed = soon(worker.process(&delivery, |_| async { Ok::<_, ()>(()) })).await;
    assert!(matches!(processed.told, Err(Untold::Unheard)), "{processed:?}");
    let dead = async {
        while shop.take(&shop.dead_letters).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    soon(dead).await;
    drop(delivery);
    let (connection, mut consumer) = shop.consumer().await;
    let delivery = receive(&mut consumer).await;
    // It is held, then waits to be put at the end of its queue, and is given back.
    let held = Duration::from_secs(5 + 30) / HURRY;
    assert!(begun.elapsed() >= held, "{:?}: it goes round and round", begun.elapsed());
    assert_eq!((delivery.body(), delivery.is_redelivered()), (BODY, true));
    delivery.acknowledge().await.expect("connected");
    shop.end(connection, consumer).await;
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
