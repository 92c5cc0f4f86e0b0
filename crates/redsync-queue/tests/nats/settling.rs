//! What becomes of a message that was taken out.

use std::time::{Duration, Instant};

use redsync_queue::{
    Envelope, Message, WHY_HEADER,
    nats::{Consumer, Error, Publisher},
};
use redsync_queues::server::{Nats, Proxy};

use crate::{
    lane::{Lane, SOON, acknowledge, connect, locks, next},
    sent::{BODY, LONG, NAME, SHORT, headers_with, publish},
};

#[tokio::test]
async fn headers_and_body_arrive_as_they_were() {
    let lane = Lane::new(LONG).await;
    let (redsync, _) = locks();
    let jetstream = connect(&lane.url).await;
    let guard = redsync.mutex(NAME).fenced().lock().await.expect("free");
    let token = guard.hand_over(LONG).await.expect("it is held");
    let sent = headers_with(&token);
    lane.publisher(&jetstream).publish(sent.clone(), BODY).await.expect("published");
    let message = next(&mut lane.consumer(&jetstream).await).await;
    assert_eq!(message.headers(), &sent);
    assert_eq!(message.body(), BODY);
    let taken = Envelope::plain().take(message.headers()).expect("there").expect("whole");
    assert_eq!(taken.to_compact(), token.to_compact());
    redsync.adopt(&taken).await.expect("it is good").release().await.expect("it was held");
    message.acknowledge().await.expect("confirmed");
    // A message without headers has none.
    publish(&lane.publisher(&jetstream), BODY).await.expect("published");
    assert!(next(&mut lane.consumer(&jetstream).await).await.headers().is_empty());
}

#[tokio::test]
async fn what_is_acknowledged_does_not_come_again() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    publish(&lane.publisher(&jetstream), b"done").await.expect("published");
    let mut consumer = lane.consumer(&jetstream).await;
    let message = next(&mut consumer).await;
    assert_eq!(lane.left().await, (1, 1));
    message.acknowledge().await.expect("confirmed");
    assert_eq!(lane.left().await, (0, 0));
    // It is settled: neither is it kept as a dead letter.
    message.deliver_again(Duration::ZERO).await.expect("nothing to do");
    message.dead_letter("never").await.expect("nothing to do");
    jetstream.client().drain().await.expect("it is open");
    drop((message, consumer));
    let jetstream = connect(&lane.url).await;
    publish(&lane.publisher(&jetstream), b"more").await.expect("published");
    let message = next(&mut lane.consumer(&jetstream).await).await;
    assert_eq!((message.body(), message.is_redelivered()), (b"more".as_slice(), false));
    assert_eq!(lane.left().await, (1, 1));
    assert!(lane.dead_letters().await.is_empty());
}

#[tokio::test]
async fn what_is_to_be_delivered_again_waits_for_its_time() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    publish(&lane.publisher(&jetstream), BODY).await.expect("published");
    let mut consumer = lane.consumer(&jetstream).await;
    let mut message = next(&mut consumer).await;
    assert!(!message.is_redelivered());
    for after in [SHORT, Duration::ZERO] {
        let begun = Instant::now();
        message.deliver_again(after).await.expect("confirmed");
        // It is settled: the server, which would listen, is told nothing else.
        message.acknowledge().await.expect("nothing to do");
        message = next(&mut consumer).await;
        assert!(begun.elapsed() >= after, "{:?}", begun.elapsed());
        assert!(message.is_redelivered());
        assert_eq!(message.body(), BODY);
    }
}

#[tokio::test]
async fn a_dead_letter_is_kept_with_its_reason() {
    let lane = Lane::new(LONG).await;
    let (redsync, _) = locks();
    let jetstream = connect(&lane.url).await;
    let guard = redsync.mutex(NAME).lock().await.expect("free");
    let sent = headers_with(&guard.hand_over(LONG).await.expect("it is held"));
    let mut with_id = sent.clone();
    with_id.insert(async_nats::header::NATS_MESSAGE_ID, "7");
    lane.publisher(&jetstream).publish(with_id, BODY).await.expect("published");
    let message = next(&mut lane.consumer(&jetstream).await).await;
    message.dead_letter("no\r\ngood").await.expect("confirmed");
    assert_eq!(lane.left().await, (0, 0));
    let letters = lane.dead_letters().await;
    assert_eq!(letters.len(), 1);
    let mut expected = sent;
    expected.insert(WHY_HEADER, "no  good");
    assert_eq!(letters[0].headers.as_ref(), Some(&expected));
    assert_eq!(&letters[0].payload[..], BODY);
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_kept_leaves_its_message() {
    let lane = Lane::new(SHORT).await;
    let jetstream = connect(&lane.url).await;
    publish(&lane.publisher(&jetstream), BODY).await.expect("published");
    let nowhere = Publisher::new(jetstream.clone(), format!("{}.nowhere", lane.stream));
    let mut consumer = Consumer::new(lane.pull(&jetstream).await, nowhere).expect("it is explicit");
    let message = next(&mut consumer).await;
    let error = message.dead_letter("no good").await.expect_err("no stream listens");
    assert!(matches!(error, Error::Publish(_)), "{error:?}");
    assert!(next(&mut consumer).await.is_redelivered());
}

#[tokio::test]
async fn a_dead_letter_whose_message_could_not_be_settled_is_there_once() {
    let server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let proxy = Proxy::start(server.port()).await.expect("a port");
    let (direct, by_proxy) = (connect(&lane.url).await, connect(&Nats::url_of(proxy.port())).await);
    publish(&lane.publisher(&direct), BODY).await.expect("published");
    let dead_letters = Publisher::new(direct, lane.dead_subject());
    let mut consumer = Consumer::new(lane.pull(&by_proxy).await, dead_letters).expect("it is explicit");
    let message = next(&mut consumer).await;
    proxy.hold_requests();
    for _ in 0..2 {
        let error = message.dead_letter("no good").await.expect_err("it is not heard");
        assert!(matches!(error, Error::Settle(_)), "{error:?}");
    }
    proxy.cut();
    let settled = async { while message.dead_letter("no good").await.is_err() {} };
    tokio::time::timeout(SOON, settled).await.expect("the client connects again");
    assert_eq!(lane.left().await, (0, 0));
    assert_eq!(lane.dead_letters().await.len(), 1);
}

#[tokio::test]
async fn what_is_dropped_comes_again() {
    let lane = Lane::new(SHORT).await;
    let jetstream = connect(&lane.url).await;
    publish(&lane.publisher(&jetstream), BODY).await.expect("published");
    let mut consumer = lane.consumer(&jetstream).await;
    drop(next(&mut consumer).await);
    let message = next(&mut consumer).await;
    assert!(message.is_redelivered());
    // Also where the connection ends.
    jetstream.client().drain().await.expect("it is open");
    drop((message, consumer));
    let jetstream = connect(&lane.url).await;
    let message = next(&mut lane.consumer(&jetstream).await).await;
    assert_eq!((message.body(), message.is_redelivered()), (BODY, true));
    message.acknowledge().await.expect("confirmed");
}

#[tokio::test]
async fn what_is_kept_alive_is_nobody_elses() {
    let lane = Lane::new(SHORT).await;
    let jetstream = connect(&lane.url).await;
    publish(&lane.publisher(&jetstream), BODY).await.expect("published");
    let message = next(&mut lane.consumer(&jetstream).await).await;
    let every = message.keep_alive_every().expect("the server waits for acknowledgements");
    assert_eq!(every, lane.ack_wait / 3);
    let mut other = lane.consumer(&jetstream).await;
    let alive = async {
        let begun = Instant::now();
        while begun.elapsed() < SHORT * 3 {
            message.keep_alive().await.expect("confirmed");
            tokio::time::sleep(every).await;
        }
    };
    tokio::select! {
        () = alive => {}
        _ = other.receive() => panic!("it is being worked on"),
    }
    assert!(next(&mut other).await.is_redelivered());
}

#[tokio::test]
async fn what_was_not_heard_can_be_told_again() {
    let server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let proxy = Proxy::start(server.port()).await.expect("a port");
    let jetstream = connect(&Nats::url_of(proxy.port())).await;
    publish(&lane.publisher(&jetstream), BODY).await.expect("published");
    let message = next(&mut lane.consumer(&jetstream).await).await;
    proxy.lose_replies();
    let error = message.acknowledge().await.expect_err("no reply");
    assert!(matches!(error, Error::Settle(_)), "{error:?}");
    proxy.cut();
    acknowledge(&message).await;
    assert_eq!(lane.left().await, (0, 0));
    // With the stream gone, nobody hears: that is no confirmation.
    publish(&lane.publisher(&jetstream), BODY).await.expect("published");
    let message = next(&mut lane.consumer(&jetstream).await).await;
    connect(&lane.url).await.delete_stream(&lane.stream).await.expect("it is there");
    let error = message.acknowledge().await.expect_err("nobody hears");
    assert!(matches!(error, Error::Settle(_)), "{error:?}");
}
