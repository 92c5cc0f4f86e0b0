//! What comes out of a queue, and what happens to it when a side fails.

use std::time::Duration;

use lapin::{BasicProperties, types::FieldTable};
use redsync_queue::{
    Envelope, Message, PublishError,
    amqp::{Consumer, Error},
};
use redsync_queues::server::{Proxy, RabbitMq};

use crate::shop::{
    BODY, Shop, WAIT, close, connect, headers_with, lock, port, receive, recovered, redsync, runtime, soon,
};

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
async fn what_is_confirmed_survives_the_end_of_the_broker_and_so_does_that_it_was_delivered() {
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
    let (_connection, mut consumer) = shop.consumer().await;
    let first = receive(&mut consumer).await;
    assert_eq!(first.body(), BODY);
    for is_crash in [true, false] {
        if is_crash {
            server.kill()
        } else {
            server.stop().expect("our own")
        }
        server.restart().expect("it serves again");
        let (_connection, mut consumer) = shop.consumer().await;
        let delivery = receive(&mut consumer).await;
        assert_eq!((delivery.body(), delivery.is_redelivered()), (BODY, true), "after a crash: {is_crash}");
    }
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
