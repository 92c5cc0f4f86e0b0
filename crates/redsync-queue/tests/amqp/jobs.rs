//! Locks that go through the broker with their jobs.

use std::num::NonZeroU32;

use redsync_core::ErrorKind;
use redsync_queue::{
    Carrier, Envelope, HandOverError, Message, NotLocked, Outcome, Policy, Told, Untold, WHY_HEADER, Work,
    Worker, hand_over, hand_over_to,
};
use redsync_queues::server::{Proxy, RabbitMq};

use crate::shop::{
    BODY, NAME, RETRY, Shop, WAIT, broker, connect, headers_with, lock, port, process, receive, redsync, soon,
};

#[tokio::test]
async fn a_lock_goes_through_the_broker_with_its_job() {
    let (shop, (redsync, nodes)) = (Shop::new().await, redsync());
    let (publisher, (connection, mut consumer)) = (shop.publisher().await, shop.consumer().await);
    let guard = lock(&redsync).await;
    hand_over_to(guard, WAIT, &publisher, BODY).await.expect("published");
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
async fn a_job_that_always_fails_is_given_up_and_what_waits_for_its_lock_is_no_attempt() {
    for kind in ["classic", "quorum"] {
        let (shop, (redsync, nodes)) = (Shop::at(&broker(), kind).await, redsync());
        let (publisher, (connection, mut consumer)) = (shop.publisher().await, shop.consumer().await);
        let token = redsync.mutex(NAME).ttl(RETRY).lock().await.expect("free").hand_over(WAIT).await;
        let token = token.expect("held");
        soon(publisher.publish(headers_with(&token), BODY)).await.expect("published");
        let policy = Policy::default().retry_after(RETRY).attempts(NonZeroU32::new(2).expect("not zero"));
        let worker = Worker::new(redsync.clone()).policy(policy);
        // What is given back at once may not have been seen.
        drop(receive(&mut consumer).await);
        let (outcome, _) = process(&worker, &receive(&mut consumer).await, Err("no paper")).await;
        assert!(matches!(outcome, Outcome::Failed("no paper")), "{outcome:?}");
        let delivery = receive(&mut consumer).await;
        assert_eq!(delivery.attempt(), Some(2));
        let other = redsync.adopt(&token).await.expect("handed back");
        let (outcome, told) = process(&worker, &delivery, Err("no paper")).await;
        assert!(matches!(outcome, Outcome::NotLocked(NotLocked::AlreadyAdopted(_))), "{outcome:?}");
        assert_eq!(told, Told::ToDeliverAgain(RETRY));
        other.hand_back(&token).await.expect("reachable");
        let delivery = receive(&mut consumer).await;
        assert_eq!(delivery.attempt(), Some(2));
        let (outcome, told) = process(&worker, &delivery, Err("no paper")).await;
        assert!(matches!(outcome, Outcome::GivenUp("no paper")), "{outcome:?}");
        assert_eq!(told, Told::DeadLettered);
        redsync.settled().await;
        assert!(nodes.iter().all(|node| node.get(NAME).is_none()));
        let dead = shop.take(&shop.dead_letters).await.expect("confirmed");
        let mut expected = headers_with(&token);
        expected.set(WHY_HEADER, "its job has failed at attempt 2, of 2 at most".to_owned());
        assert_eq!(*dead.properties.headers(), Some(expected), "who puts it back begins anew");
        shop.end(connection, consumer).await;
        shop.assert_is_empty().await;
    }
}

#[tokio::test]
async fn whose_connection_was_cut_is_told_that_the_broker_has_not_heard() {
    for is_done in [true, false] {
        let (shop, (redsync, nodes)) = (Shop::new().await, redsync());
        let proxy = Proxy::start(port(&shop.url)).await.expect("a port");
        let publisher = shop.publisher().await;
        let guard = lock(&redsync).await;
        hand_over(guard, WAIT, |token| publisher.publish(headers_with(&token), BODY))
            .await
            .expect("published");
        let connection = connect(&RabbitMq::url_of(proxy.port())).await;
        let (_connection, mut consumer) = shop.consumer_over(connection, &shop.subscription()).await;
        let delivery = receive(&mut consumer).await;
        let handler = async |work: Work| {
            work.give_up("no paper");
            proxy.cut();
            assert!(soon(consumer.receive()).await.is_err(), "it has noticed by now");
            if is_done { Ok(()) } else { Err(()) }
        };
        let processed = soon(Worker::new(redsync.clone()).process(&delivery, handler)).await;
        assert!(matches!(processed.told, Err(Untold::Failed(_))), "{processed:?}");
        redsync.settled().await;
        assert!(nodes.iter().all(|node| node.get(NAME).is_none()));
        assert!(shop.take(&shop.dead_letters).await.is_none());
        let (_connection, mut consumer) = shop.consumer().await;
        assert!(receive(&mut consumer).await.is_redelivered());
    }
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
