//! What a consumer reads, and what it does not lose.

use std::time::Duration;

use redsync_queue::{Message, streams::Fields};
use tokio::time::timeout;

use crate::place::{JOBS, Place, QUIET, next};

#[tokio::test]
async fn what_was_deleted_from_the_stream_is_nobodys() {
    let place = Place::new().await;
    let publisher = place.publisher();
    publisher.publish(Fields::new(), *b"first").await.expect("published");
    let mut consumer = place.consumer("a");
    let delivery = next(&mut consumer).await;
    place.server.command(&["XDEL", JOBS, delivery.id()]).expect("up");
    publisher.publish(Fields::new(), *b"second").await.expect("published");
    assert_eq!(next(&mut consumer).await.body(), b"second");
    assert!(
        timeout(QUIET, consumer.receive())
            .await
            .is_ok_and(|next| next.is_ok_and(|next| next.body() == b"second"))
    );
}

#[tokio::test]
async fn no_message_is_lost_by_calls_that_are_dropped() {
    let place = Place::new().await;
    let mut consumer = place.consumer("a");
    // It waits at the server by then.
    assert!(timeout(Duration::from_millis(200), consumer.receive()).await.is_err());
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let delivery = next(&mut consumer).await;
    assert!(!delivery.is_redelivered(), "it was asked for once");
}

#[tokio::test]
async fn a_stream_that_is_deleted_while_it_is_waited_for_is_made_again() {
    let place = Place::new().await;
    let mut consumer = place.consumer("a");
    place.publisher().publish(Fields::new(), *b"first").await.expect("published");
    next(&mut consumer).await.acknowledge().await.expect("up");
    // It waits at the server by then.
    assert!(timeout(Duration::from_millis(200), consumer.receive()).await.is_err());
    place.server.command(&["DEL", JOBS]).expect("up");
    place.publisher().publish(Fields::new(), *b"second").await.expect("published");
    assert_eq!(next(&mut consumer).await.body(), b"second");
}
