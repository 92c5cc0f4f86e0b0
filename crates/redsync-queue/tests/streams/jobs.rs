//! Locks that go through a stream with their jobs.

use std::{num::NonZeroU32, sync::Mutex, time::Duration};

use redsync_core::ErrorKind;
use redsync_queue::{
    Carrier, Envelope, HandOverError, Message, NotLocked, Outcome, Policy, Told, WHY_HEADER, Worker,
    hand_over,
};
use redsync_testkit::server::Proxy;
use tokio::time::timeout;

use crate::place::{CLAIM, JOBS, NAME, Place, WAIT, assert_quiet, next, publish};

#[tokio::test]
async fn a_job_is_done_under_its_lock() {
    let place = Place::new().await;
    place.enqueue(b"job").await;
    assert!(place.is_locked());
    let delivery = next(&mut place.consumer("a")).await;
    let worker = Worker::new(place.worker.clone());
    let processed = worker.process(&delivery, |work| async move { Ok::<_, ()>(work.name) }).await;
    assert!(matches!(&processed.outcome, Outcome::Done(name) if name == NAME), "{processed:?}");
    assert!(matches!(processed.told, Ok(Told::Acknowledged)));
    place.worker.settled().await;
    assert!(!place.is_locked());
    assert_eq!(place.pending(), 0);
}

#[tokio::test]
async fn a_job_that_fails_comes_again_with_its_lock() {
    let place = Place::new().await;
    place.enqueue(b"job").await;
    let mut consumer = place.consumer("a");
    let worker = Worker::new(place.worker.clone()).policy(Policy::default().retry_after(CLAIM / 4));
    let tries = Mutex::new(0);
    for is_done in [false, true] {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.is_redelivered(), is_done);
        let work = |_| async {
            *tries.lock().expect("sound") += 1;
            if is_done { Ok(()) } else { Err("not yet") }
        };
        let processed = worker.process(&delivery, work).await;
        assert_eq!(matches!(processed.outcome, Outcome::Done(())), is_done, "{processed:?}");
    }
    place.worker.settled().await;
    assert_eq!(*tries.lock().expect("sound"), 2);
    assert!(!place.is_locked());
}

#[tokio::test]
async fn a_job_that_always_fails_is_given_up_and_what_waits_for_its_lock_is_no_attempt() {
    let place = Place::new().await;
    let token = place.handler.mutex(NAME).ttl(CLAIM).lock().await.expect("free").hand_over(WAIT).await;
    let token = token.expect("held");
    publish(place.publisher(), token.clone(), b"job".to_vec()).await.expect("published");
    let mut consumer = place.consumer("a");
    let policy = Policy::default().retry_after(CLAIM / 4).attempts(NonZeroU32::new(3).expect("not zero"));
    let worker = Worker::new(place.worker.clone()).policy(policy);
    let fails = |_| async { Err::<(), _>("no paper") };
    // Its worker is gone, and may have tried.
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.attempt(), Some(1));
    drop(delivery);
    let processed = worker.process(&next(&mut consumer).await, fails).await;
    assert!(matches!(processed.outcome, Outcome::Failed("no paper")), "{processed:?}");
    // The server has counted these as well, until they were put off.
    for _ in 0..2 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.attempt(), Some(3));
        let other = place.handler.adopt(&token).await.expect("handed back");
        let processed = worker.process(&delivery, fails).await;
        let waits = matches!(processed.outcome, Outcome::NotLocked(NotLocked::AlreadyAdopted(_)));
        assert!(waits, "{processed:?}");
        other.hand_back(&token).await.expect("reachable");
    }
    let processed = worker.process(&next(&mut consumer).await, fails).await;
    assert!(matches!(processed.outcome, Outcome::GivenUp("no paper")), "{processed:?}");
    assert!(matches!(processed.told, Ok(Told::DeadLettered)), "{processed:?}");
    place.worker.settled().await;
    assert!(!place.is_locked());
    assert_eq!(place.pending(), 0);
    let dead = next(&mut place.consumer_of("jobs:dead-letters", "undertaker")).await;
    let why = dead.headers().get(WHY_HEADER);
    assert_eq!(why.as_deref(), Some("its job has failed at attempt 3, of 3 at most"));
}

#[tokio::test]
async fn a_message_is_worked_on_also_where_nobody_tells_how_often_it_came() {
    let place = Place::new().await;
    let proxy = Proxy::start(place.server.port()).expect("a port");
    place.enqueue(b"job").await;
    drop(next(&mut place.consumer("a")).await);
    proxy.refuse("XPENDING", "NOPERM this user has no permissions to run the 'xpending' command");
    let delivery = next(&mut place.consumer_by(&proxy, "b")).await;
    assert_eq!((delivery.attempt(), delivery.is_redelivered()), (None, true));
    delivery.put_off(Duration::ZERO).await.expect("up");
    let policy = Policy::default().attempts(NonZeroU32::MIN);
    let delivery = next(&mut place.consumer_by(&proxy, "b")).await;
    let worker = Worker::new(place.worker.clone()).policy(policy);
    let processed = worker.process(&delivery, |_| async { Err::<(), _>(()) }).await;
    assert!(matches!(processed.outcome, Outcome::Failed(())), "{processed:?}");
}

#[tokio::test]
async fn a_job_that_is_done_keeps_no_lock_where_nobody_knows_whether_it_was_acknowledged() {
    let place = Place::new().await;
    for is_heard in [true, false] {
        let proxy = Proxy::start(place.server.port()).expect("a port");
        place.enqueue(b"job").await;
        let delivery = next(&mut place.consumer_by(&proxy, "a")).await;
        if is_heard {
            proxy.lose_replies("XACK");
        } else {
            proxy.lose_requests("XACK");
        }
        let processed = Worker::new(place.worker.clone()).process(&delivery, async |_| Ok::<_, ()>(())).await;
        assert!(matches!(processed.outcome, Outcome::Done(())), "{processed:?}");
        assert!(processed.told.is_err(), "{processed:?}");
        place.worker.settled().await;
        assert!(!place.is_locked(), "it would be for as long as the job might have waited");
        assert_eq!(place.pending() == 0, is_heard);
    }
}

#[tokio::test]
async fn a_lock_whose_message_nobody_knows_of_has_one_side_only() {
    let place = Place::new().await;
    let proxy = Proxy::start(place.server.port()).expect("a port");
    for is_added in [true, false] {
        let publisher = place.publisher_to(&proxy.url());
        if is_added {
            proxy.lose_replies("XADD");
        } else {
            proxy.lose_requests("XADD");
        }
        let guard = place.handler.mutex(NAME).lock().await.expect("free");
        let error = hand_over(guard, WAIT, |token| publish(publisher, token, b"job".to_vec())).await;
        let Err(HandOverError::Unknown { lock: Ok(guard), .. }) = error else { panic!("{error:?}") };
        proxy.relieve();
        let mut consumer = place.consumer("a");
        if is_added {
            let delivery = next(&mut consumer).await;
            let error = place
                .worker
                .adopt(&Envelope::plain().take(delivery.headers()).expect("there").expect("whole"))
                .await
                .expect_err("the handler has it");
            assert_eq!(error.kind(), ErrorKind::AlreadyAdopted);
            delivery.acknowledge().await.expect("up");
        } else {
            assert_quiet(&mut consumer).await;
        }
        guard.release().await.expect("up");
    }
}

#[tokio::test]
async fn what_another_consumer_has_done_does_not_come_as_new() {
    let place = Place::new().await;
    let mut slow = place.consumer("a");
    // It waits at the server by then, and its program turns to something else.
    assert!(timeout(Duration::from_millis(200), slow.receive()).await.is_err());
    place.enqueue(b"job").await;
    let delivery = next(&mut place.consumer("b")).await;
    let done = Worker::new(place.worker.clone()).process(&delivery, |_| async { Ok::<_, ()>(()) }).await;
    assert!(matches!(done.outcome, Outcome::Done(())), "{done:?}");
    assert_quiet(&mut slow).await;
}

#[tokio::test]
async fn what_was_claimed_and_is_acknowledged_then_is_not_done_again() {
    let place = Place::new().await;
    place.enqueue(b"job").await;
    let worker = Worker::new(place.worker.clone());
    let first = next(&mut place.consumer("a")).await;
    let second = next(&mut place.consumer("b")).await;
    let done = worker.process(&first, |_| async { Ok::<_, ()>(()) }).await;
    assert!(matches!((&done.outcome, &done.told), (Outcome::Done(()), Ok(Told::Acknowledged))), "{done:?}");
    let again = worker.process(&second, |_| async { Ok::<_, ()>(()) }).await;
    assert!(matches!(again.outcome, Outcome::NotLocked(NotLocked::Settled)), "{again:?}");
}

#[tokio::test]
async fn what_cannot_come_again_is_not_said_to() {
    let place = Place::new().await;
    place.enqueue(b"job").await;
    let delivery = next(&mut place.consumer("a")).await;
    let trims = |_| async {
        place.server.command(&["XTRIM", JOBS, "MAXLEN", "0"]).expect("up");
        Err::<(), _>("no paper")
    };
    let failed = Worker::new(place.worker.clone()).process(&delivery, trims).await;
    assert!(failed.told.is_err(), "{:?}, and nothing waits: {}", failed.told, place.pending());
}
