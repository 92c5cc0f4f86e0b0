//! Locks that go through the queue with their jobs.

use std::num::NonZeroU32;

use redsync_core::ErrorKind;
use redsync_queue::{
    HandOverError, Message, NotLocked, Outcome, Policy, Told, WHY_HEADER, Worker, hand_over, hand_over_to,
    nats::Error,
};
use redsync_queues::server::{Nats, Proxy};

use crate::{
    lane::{Lane, connect, is_open, locks, next},
    sent::{BODY, LONG, NAME, SHORT, TTL, headers_with},
};

#[tokio::test]
async fn a_lock_goes_through_the_queue_with_its_job() {
    let lane = Lane::new(LONG).await;
    let (redsync, nodes) = locks();
    let jetstream = connect(&lane.url).await;
    let publisher = lane.publisher(&jetstream);
    let guard = redsync.mutex(NAME).ttl(TTL).fenced().lock().await.expect("free");
    hand_over_to(guard, LONG, &publisher, BODY).await.expect("published");
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

#[tokio::test]
async fn a_job_that_always_fails_is_given_up_and_each_delivery_counts() {
    let lane = Lane::new(LONG).await;
    let (redsync, nodes) = locks();
    let jetstream = connect(&lane.url).await;
    let token = redsync.mutex(NAME).ttl(SHORT).lock().await.expect("free").hand_over(LONG).await;
    let token = token.expect("held");
    lane.publisher(&jetstream).publish(headers_with(&token), BODY).await.expect("published");
    let most = NonZeroU32::new(3).expect("not zero");
    let worker = Worker::new(redsync.clone()).policy(Policy::default().retry_after(SHORT / 4).attempts(most));
    let mut consumer = lane.consumer(&jetstream).await;
    let fails = |_| async { Err::<(), _>("no paper") };
    for attempt in 1..=3 {
        let message = next(&mut consumer).await;
        assert_eq!(message.attempt(), Some(attempt));
        // The server counts also a delivery that only waits for somebody else's lock.
        let other = if attempt == 2 { Some(redsync.adopt(&token).await.expect("handed back")) } else { None };
        let processed = worker.process(&message, fails).await;
        let (is_as_expected, told) = match (attempt, &processed.outcome) {
            (1, Outcome::Failed("no paper")) => (true, Told::ToDeliverAgain(SHORT / 4)),
            (2, Outcome::NotLocked(NotLocked::AlreadyAdopted(_))) => (true, Told::ToDeliverAgain(SHORT)),
            (_, outcome) => (matches!(outcome, Outcome::GivenUp("no paper")), Told::DeadLettered),
        };
        assert!(is_as_expected, "{attempt}: {:?}", processed.outcome);
        assert_eq!(processed.told.expect("confirmed"), told);
        if let Some(other) = other {
            other.hand_back(&token).await.expect("reachable");
        }
    }
    redsync.settled().await;
    assert!(nodes.iter().all(|node| node.get(NAME).is_none()));
    assert_eq!(lane.left().await, (0, 0));
    let letters = lane.dead_letters().await;
    let why = letters[0].headers.as_ref().and_then(|headers| headers.get(WHY_HEADER));
    assert_eq!(why.map(|why| why.as_str()), Some("its job has failed at attempt 3, of 3 at most"));
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
