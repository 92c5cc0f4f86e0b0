//! Locks and jobs through NATS JetStream, on real servers.
#![cfg(feature = "nats")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests state what they expect"
)]

mod common {
    pub(crate) mod nats_lane;
}

use std::time::{Duration, Instant};

use async_nats::{
    HeaderMap,
    jetstream::{
        consumer::{AckPolicy, pull},
        context::PublishErrorKind,
        stream::{self, DiscardPolicy},
    },
};
use common::nats_lane::{Lane, SOON, acknowledge, connect, is_open, locks, next};
use futures_util::FutureExt;
use redsync_core::{ErrorKind, LockToken};
use redsync_queue::{
    Envelope, HandOverError, Message, NotLocked, Outcome, Policy, PublishError, Told, WHY_HEADER, Worker,
    hand_over,
    nats::{Consumer, Error, Publisher},
};
use redsync_queues::server::{Nats, Proxy};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_secs(1);
const NAME: &str = "report:7";
const TTL: Duration = Duration::from_secs(2);
const BODY: &[u8] = b"\x00\xff\r\nnot a text\x80";

fn headers_with(token: &LockToken) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append("trace", "1");
    headers.append("trace", "2");
    Envelope::plain().put(token, &mut headers);
    headers
}

async fn publish(publisher: &Publisher, body: &'static [u8]) -> Result<(), PublishError<Error>> {
    publisher.publish(HeaderMap::new(), body).await
}

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
async fn what_is_refused_was_not_published() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    let small = stream::Config {
        name: format!("{}-small", lane.stream),
        subjects: vec![format!("{}.small", lane.stream)],
        discard: DiscardPolicy::New,
        max_messages: 1,
        max_message_size: 100,
        ..Default::default()
    };
    let small = jetstream.create_stream(small).await.expect("a stream");
    let to = |subject: &str| Publisher::new(jetstream.clone(), format!("{}.{subject}", lane.stream));
    publish(&to("small"), b"the first").await.expect("there is room");
    let mut expecting = HeaderMap::new();
    expecting.insert(async_nats::header::NATS_EXPECTED_LAST_SEQUENCE, "7");
    let mut elsewhere = HeaderMap::new();
    elsewhere.insert(async_nats::header::NATS_EXPECTED_STREAM, "elsewhere");
    let closed = connect(&lane.url).await;
    closed.client().drain().await.expect("it is open");
    let is_closed = async { while closed.client().flush().await.is_ok() {} };
    tokio::time::timeout(SOON, is_closed).await.expect("it closes");
    let cases = [
        ("nobody listens", to("nowhere"), HeaderMap::new(), 1, PublishErrorKind::StreamNotFound),
        ("no subject", to("two words"), HeaderMap::new(), 1, PublishErrorKind::Other),
        (
            "too large for the server",
            to("small"),
            HeaderMap::new(),
            2 << 20,
            PublishErrorKind::MaxPayloadExceeded,
        ),
        ("too large for the stream", to("small"), HeaderMap::new(), 1000, PublishErrorKind::Other),
        ("full", to("small"), HeaderMap::new(), 1, PublishErrorKind::Other),
        ("another came before", to("small"), expecting, 1, PublishErrorKind::WrongLastSequence),
        ("another stream", to("small"), elsewhere, 1, PublishErrorKind::Other),
        ("closed", lane.publisher(&closed), HeaderMap::new(), 1, PublishErrorKind::Other),
    ];
    for (why, publisher, headers, size, kind) in cases {
        let error = publisher.publish(headers, vec![0; size]).await.expect_err(why);
        let PublishError::NotPublished(Error::Publish(error)) = error else { panic!("{why}: {error:?}") };
        assert_eq!(error.kind(), kind, "{why}: {error:?}");
    }
    assert_eq!(small.get_info().await.expect("it is there").state.messages, 1);
    assert_eq!(lane.left().await, (0, 0));
}

#[tokio::test]
async fn what_the_stream_knows_already_may_be_the_same() {
    let lane = Lane::new(LONG).await;
    let jetstream = connect(&lane.url).await;
    let publisher = lane.publisher(&jetstream);
    let mut headers = HeaderMap::new();
    headers.insert(async_nats::header::NATS_MESSAGE_ID, "7");
    publisher.publish(headers.clone(), BODY).await.expect("published");
    let error = publisher.publish(headers, BODY).await.expect_err("a duplicate");
    assert!(matches!(error, PublishError::Unknown(Error::Duplicate)), "{error:?}");
    assert_eq!(lane.left().await, (1, 0));
}

#[tokio::test]
async fn without_a_connection_nobody_knows() {
    let mut server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let jetstream = connect(&server.url()).await;
    server.kill();
    let error = publish(&lane.publisher(&jetstream), BODY).await.expect_err("no server");
    let PublishError::Unknown(Error::Publish(error)) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), PublishErrorKind::TimedOut);
    // The client has kept it, and sends it when there is a server again.
    server.restart().expect("it serves again");
    let message = next(&mut lane.consumer(&connect(&server.url()).await).await).await;
    assert_eq!(message.body(), BODY);
}

#[tokio::test]
async fn without_its_confirmation_nobody_knows() {
    let server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let proxy = Proxy::start(server.port()).await.expect("a port");
    let jetstream = connect(&Nats::url_of(proxy.port())).await;
    is_open(&lane, &jetstream).await;
    proxy.lose_replies();
    let cut = async {
        lane.stored(1).await;
        proxy.cut();
    };
    let publisher = lane.publisher(&jetstream);
    let (published, ()) = tokio::join!(publish(&publisher, BODY), cut);
    assert!(matches!(published, Err(PublishError::Unknown(Error::Publish(_)))), "{published:?}");
    assert_eq!(next(&mut lane.consumer(&jetstream).await).await.body(), BODY);
    assert_eq!(lane.left().await, (1, 1));
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

#[tokio::test]
async fn a_lock_goes_through_the_queue_with_its_job() {
    let lane = Lane::new(LONG).await;
    let (redsync, nodes) = locks();
    let jetstream = connect(&lane.url).await;
    let publisher = lane.publisher(&jetstream);
    let guard = redsync.mutex(NAME).ttl(TTL).fenced().lock().await.expect("free");
    let send = |token| async move { publisher.publish(headers_with(&token), BODY).await };
    hand_over(guard, LONG, send).await.expect("published");
    let worker = Worker::new(redsync.clone()).policy(Policy::default().retry_after(SHORT));
    let mut consumer = lane.consumer(&jetstream).await;
    // It fails, and comes again with its lock.
    let message = next(&mut consumer).await;
    let processed = worker.process(&message, |_| async { Err::<(), _>("no paper") }).await;
    assert!(matches!(processed.outcome, Outcome::Failed("no paper")), "{:?}", processed.outcome);
    assert_eq!(processed.told.expect("confirmed"), Told::ToDeliverAgain(SHORT));
    let message = next(&mut consumer).await;
    assert!(message.is_redelivered());
    let processed = worker.process(&message, |work| async move { Ok::<_, &str>(work.name) }).await;
    assert!(matches!(&processed.outcome, Outcome::Done(name) if name == NAME), "{:?}", processed.outcome);
    assert_eq!(processed.told.expect("confirmed"), Told::Acknowledged);
    redsync.settled().await;
    assert!(nodes.iter().all(|node| node.get(NAME).is_none()));
    assert_eq!(lane.left().await, (0, 0));
}

/// Hands a lock over through a proxy that loses the confirmation; `meanwhile` goes on when the message is stored.
async fn hand_over_cut<F: Future<Output = ()>>(
    lane: &Lane,
    server: &Nats,
    redsync: &redsync_core::Redsync,
    meanwhile: F,
) -> HandOverError<Error> {
    let proxy = Proxy::start(server.port()).await.expect("a port");
    let jetstream = connect(&Nats::url_of(proxy.port())).await;
    is_open(lane, &jetstream).await;
    let publisher = lane.publisher(&jetstream);
    let guard = redsync.mutex(NAME).ttl(TTL).lock().await.expect("free");
    let send = |token| async move {
        proxy.lose_replies();
        let body = publisher.publish(headers_with(&token), BODY);
        let cut = async {
            lane.stored(1).await;
            meanwhile.await;
            proxy.cut();
        };
        tokio::join!(body, cut).0
    };
    hand_over(guard, LONG, send).await.expect_err("the confirmation is lost")
}

#[tokio::test]
async fn what_may_have_been_published_is_the_handlers() {
    let server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let (redsync, _) = locks();
    let error = hand_over_cut(&lane, &server, &redsync, async {}).await;
    let HandOverError::Unknown { lock: Ok(guard), .. } = error else { panic!("{error:?}") };
    let mut consumer = lane.consumer(&connect(&lane.url).await).await;
    let message = next(&mut consumer).await;
    let called = |_| async { panic!("the handler has the lock") as Result<(), &str> };
    let processed = Worker::new(redsync.clone()).process(&message, called).await;
    let Outcome::NotLocked(NotLocked::AlreadyAdopted(_)) = processed.outcome else {
        panic!("{:?}", processed.outcome)
    };
    assert_eq!(processed.told.expect("confirmed"), Told::ToDeliverAgain(TTL));
    guard.release().await.expect("it was held");
}

#[tokio::test]
async fn what_may_have_been_published_is_a_workers() {
    let server = Nats::start().expect("a server");
    let lane = Lane::at(&server, LONG).await;
    let (redsync, _) = locks();
    let mut consumer = lane.consumer(&connect(&lane.url).await).await;
    let (started, has_started) = tokio::sync::oneshot::channel();
    let (over, is_over) = tokio::sync::oneshot::channel();
    let worker = Worker::new(redsync.clone());
    let work = async {
        let message = next(&mut consumer).await;
        let handler = |_| async {
            started.send(()).expect("it waits");
            is_over.await.expect("it tells");
            Ok::<_, &str>(())
        };
        worker.process(&message, handler).await
    };
    let handler = async {
        let meanwhile = async { has_started.await.expect("it starts") };
        let error = hand_over_cut(&lane, &server, &redsync, meanwhile).await;
        over.send(()).expect("it waits");
        error
    };
    let (processed, error) = tokio::join!(work, handler);
    let HandOverError::Unknown { lock: Err(why), .. } = error else { panic!("{error:?}") };
    assert_eq!(why.kind(), ErrorKind::AlreadyAdopted);
    assert!(matches!(processed.outcome, Outcome::Done(())), "{:?}", processed.outcome);
    assert_eq!(processed.told.expect("confirmed"), Told::Acknowledged);
    assert_eq!(lane.left().await, (0, 0));
}
