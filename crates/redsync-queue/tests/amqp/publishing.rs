//! What is known of a message that was published.

use futures_util::FutureExt;
use lapin::{
    options::QueueBindOptions,
    types::{AMQPValue, FieldTable},
};
use redsync_queue::{
    Message, PublishError,
    amqp::{Error, Publisher},
};
use redsync_queues::server::{Proxy, RabbitMq};
use redsync_testkit::cancel::drop_after;

use crate::shop::{BODY, Shop, close, connect, port, receive, soon};

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
