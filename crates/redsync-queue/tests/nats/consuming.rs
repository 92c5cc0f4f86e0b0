//! What a consumer takes out, and what it does not lose.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures_util::FutureExt;
use redsync_queue::{
    Message,
    nats::{Consumer, Error},
};
use redsync_queues::server::{Nats, Proxy};

use crate::{
    lane::{Lane, SOON, acknowledge, connect, next},
    sent::{BODY, LONG, SHORT, publish},
};

#[tokio::test]
async fn a_consumer_goes_on_after_its_connection_was_cut() {
    let server = Nats::start().expect("a server");
    let lane = Lane::at(&server, SHORT).await;
    let proxy = Proxy::start(server.port()).await.expect("a port");
    let jetstream = connect(&Nats::url_of(proxy.port())).await;
    let mut consumer = lane.consumer(&jetstream).await;
    for begins_before in [true, false] {
        // It waits while it is cut, or is cut before it waits.
        let is_waiting = begins_before.then(|| consumer.receive().now_or_never().is_none());
        assert_ne!(is_waiting, Some(false));
        jetstream.client().flush().await.expect("it is connected");
        proxy.cut();
        publish(&lane.publisher(&connect(&server.url()).await), BODY).await.expect("published");
        let message = next(&mut consumer).await;
        proxy.cut();
        assert_eq!(message.body(), BODY);
        acknowledge(&message).await;
    }
    assert_eq!(lane.left().await, (0, 0));
}

#[tokio::test]
async fn a_server_that_has_gone_silent_is_asked_again() {
    let server = Nats::start().expect("a server");
    let lane = Lane::at(&server, SHORT).await;
    let proxy = Proxy::start(server.port()).await.expect("a port");
    let jetstream = connect(&Nats::url_of(proxy.port())).await;
    let mut consumer = lane.consumer(&jetstream).await.heartbeat(Duration::from_millis(200));
    assert!(consumer.receive().now_or_never().is_none());
    proxy.lose_replies();
    publish(&lane.publisher(&connect(&server.url()).await), BODY).await.expect("published");
    while lane.left().await != (1, 1) {
        // It is asked for once the client's tasks have run.
        assert!(consumer.receive().now_or_never().is_none());
    }
    // The message has gone astray, and the connection is as good as ever.
    proxy.relieve();
    let message = next(&mut consumer).await;
    assert_eq!((message.body(), message.is_redelivered()), (BODY, true));
}

#[tokio::test]
async fn a_receive_that_is_dropped_loses_nothing() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    let (mut consumer, publisher) = (lane.consumer(&jetstream).await, lane.publisher(&jetstream));
    for _ in 0..20 {
        assert!(consumer.receive().now_or_never().is_none());
        publish(&publisher, BODY).await.expect("published");
        // Dropped at every point that a message can come between.
        let mut received = None;
        let begun = Instant::now();
        while received.is_none() {
            assert!(begun.elapsed() < SOON, "it is lost");
            received = consumer.receive().now_or_never();
            tokio::task::yield_now().await;
        }
        let message = received.expect("just seen").expect("the server is there").expect("it is open");
        assert!(!message.is_redelivered());
        message.acknowledge().await.expect("confirmed");
    }
    assert_eq!(lane.left().await, (0, 0));
}

#[tokio::test]
async fn nothing_comes_from_a_client_that_is_closed() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    let mut consumer = lane.consumer(&jetstream).await;
    let client = jetstream.client();
    let close = async { client.drain().await.expect("it is open") };
    let (received, ()) =
        tokio::time::timeout(SOON, async { tokio::join!(consumer.receive(), close) }).await.expect("it ends");
    assert!(matches!(received, Ok(None)));
    let error = consumer.receive().await.err().expect("it is closed");
    assert!(matches!(error, Error::Ask(_) | Error::Receive(_)), "{error:?}");
}

#[tokio::test]
async fn what_has_waited_here_for_long_is_left_to_others() {
    let lane = Lane::new(SHORT).await;
    let jetstream = connect(&lane.url).await;
    let mut late = lane.consumer(&jetstream).await;
    assert!(late.receive().now_or_never().is_none());
    publish(&lane.publisher(&jetstream), b"one").await.expect("published");
    while lane.left().await != (1, 1) {
        // It is asked for once the client's tasks have run.
        assert!(late.receive().now_or_never().is_none());
    }
    // Somebody else gets it when its time is over here, and is done.
    let message = next(&mut lane.consumer(&jetstream).await).await;
    assert!(message.is_redelivered());
    message.acknowledge().await.expect("confirmed");
    publish(&lane.publisher(&jetstream), b"two").await.expect("published");
    assert_eq!(next(&mut late).await.body(), b"two");
}

#[tokio::test]
async fn what_is_confirmed_outlives_the_server() {
    let mut server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let jetstream = connect(&server.url()).await;
    for ends in [Nats::kill as fn(&mut Nats), |server| server.stop().expect("our own")] {
        publish(&lane.publisher(&jetstream), BODY).await.expect("published");
        ends(&mut server);
        server.restart().expect("it serves again");
        let message = next(&mut lane.consumer(&connect(&server.url()).await).await).await;
        assert_eq!(message.body(), BODY);
        message.acknowledge().await.expect("confirmed");
    }
}

#[tokio::test]
async fn a_consumer_has_to_acknowledge_one_by_one() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    let stream = jetstream.get_stream(lane.dead_stream()).await.expect("it is there");
    let config = pull::Config {
        durable_name: Some("all".to_owned()),
        ack_policy: AckPolicy::All,
        ..Default::default()
    };
    let pull = stream.create_consumer(config).await.expect("a consumer");
    let error = Consumer::new(pull, lane.publisher(&jetstream)).err().expect("not explicit");
    assert!(matches!(error, Error::NotExplicit(AckPolicy::All)), "{error:?}");
}
