//! What becomes of a message that was read.

use std::time::{Duration, Instant};

use redsync_queue::{Carrier, Envelope, Message, WHY_HEADER, streams::Fields};
use redsync_testkit::{
    cancel::drop_after,
    server::{self, Proxy},
};
use tokio::time::timeout;

use crate::place::{CLAIM, JOBS, Place, assert_quiet, next, publish};

#[tokio::test]
async fn a_token_and_a_job_of_any_bytes_arrive_as_they_were_sent() {
    let place = Place::new().await;
    let (token, job) = (place.token().await, [0_u8, 0xFF, b'\r', b'\n']);
    publish(place.publisher(), token.clone(), job.to_vec()).await.expect("published");
    let delivery = next(&mut place.consumer("a")).await;
    assert_eq!(delivery.body(), job);
    assert!(!delivery.is_redelivered());
    let read = Envelope::plain().take(delivery.headers()).expect("there").expect("whole");
    assert_eq!(read, token);
}

#[tokio::test]
async fn what_is_acknowledged_does_not_come_again() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let mut consumer = place.consumer("a");
    let delivery = next(&mut consumer).await;
    delivery.acknowledge().await.expect("up");
    delivery.deliver_again(Duration::ZERO).await.expect("settled already");
    drop(consumer);
    assert_quiet(&mut place.consumer("b")).await;
    assert_eq!(place.server.command(&["XLEN", JOBS]).expect("up"), server::Reply::Int(1), "it stays");
}

#[tokio::test]
async fn what_is_done_is_deleted_where_that_is_wanted() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let mut consumer = place.consumer("a").delete_done(true);
    next(&mut consumer).await.acknowledge().await.expect("up");
    assert_eq!(place.server.command(&["XLEN", JOBS]).expect("up"), server::Reply::Int(0));
}

#[tokio::test]
async fn what_is_to_come_again_comes_after_its_time() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let mut consumer = place.consumer("a");
    let after = CLAIM / 2;
    next(&mut consumer).await.deliver_again(after).await.expect("up");
    let begun = Instant::now();
    let again = next(&mut consumer).await;
    // The server counts whole milliseconds.
    assert!(begun.elapsed() >= after - Duration::from_millis(2), "{:?}", begun.elapsed());
    assert!(again.is_redelivered());
}

#[tokio::test]
async fn what_is_dropped_or_left_by_a_consumer_that_is_gone_is_anothers() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let mut gone = place.consumer("a");
    drop(next(&mut gone).await);
    drop(gone);
    let again = next(&mut place.consumer("b")).await;
    assert!(again.is_redelivered());
    assert_eq!(again.body(), b"job");
}

#[tokio::test]
async fn a_message_that_is_kept_alive_is_not_anothers() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let delivery = next(&mut place.consumer("a")).await;
    let every = delivery.keep_alive_every().expect("a limit");
    let mut other = place.consumer("b");
    for _ in 0..9 {
        assert!(timeout(every, other.receive()).await.is_err(), "it is being worked on");
        delivery.keep_alive().await.expect("up");
    }
    assert!(next(&mut other).await.is_redelivered(), "nothing was heard of it any more");
}

#[tokio::test]
async fn a_dead_letter_says_why_and_does_not_come_again() {
    let place = Place::new().await;
    let token = place.token().await;
    publish(place.publisher(), token.clone(), b"job".to_vec()).await.expect("published");
    let mut consumer = place.consumer("a").dead_letters("graveyard");
    next(&mut consumer).await.dead_letter("no lock").await.expect("up");
    assert_quiet(&mut consumer).await;
    let dead = next(&mut place.consumer_of("graveyard", "undertaker")).await;
    assert_eq!((dead.body(), dead.headers().get(WHY_HEADER).as_deref()), (&b"job"[..], Some("no lock")));
    assert_eq!(Envelope::plain().take(dead.headers()).expect("there").expect("whole"), token);
}

#[tokio::test]
async fn what_is_done_is_deleted_also_where_that_is_tried_twice() {
    let place = Place::new().await;
    let proxy = Proxy::start(place.server.port()).expect("a port");
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    for command in ["XDEL", "XACK"] {
        let mut consumer = place.consumer_by(&proxy, "a").delete_done(true);
        let delivery = next(&mut consumer).await;
        proxy.lose_requests(command);
        delivery.acknowledge().await.expect_err("half of it was not executed");
        proxy.relieve();
        let is_left = place.server.command(&["XLEN", JOBS]).expect("up") != server::Reply::Int(0);
        assert_eq!(is_left, command == "XDEL", "what is left comes again");
    }
    assert_quiet(&mut place.consumer("b")).await;
    assert_eq!(place.pending(), 0);
}

#[tokio::test]
async fn a_dead_letter_whose_message_could_not_be_settled_is_there_once() {
    let place = Place::new().await;
    let proxy = Proxy::start(place.server.port()).expect("a port");
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let delivery = next(&mut place.consumer_by(&proxy, "a").dead_letters("graveyard")).await;
    proxy.lose_requests("XACK");
    for _ in 0..2 {
        delivery.dead_letter("why").await.expect_err("half of it was not executed");
    }
    proxy.relieve();
    delivery.dead_letter("why").await.expect("up");
    assert_eq!(place.pending(), 0);
    assert_eq!(place.server.command(&["XLEN", "graveyard"]).expect("up"), server::Reply::Int(1));
}

#[tokio::test]
async fn a_dead_letter_that_was_dropped_half_way_can_be_settled() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let delivery = next(&mut place.consumer("a")).await;
    assert!(drop_after(1, delivery.dead_letter("why")).await.is_none());
    delivery.dead_letter("why").await.expect("up");
    assert_eq!(place.pending(), 0);
}
