//! What the chapter on errors shows does what it says.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::time::Duration;

use common::three_nodes;
use redsync_redis_rs::{Error, ErrorKind, Guard, Released};

#[derive(Debug, PartialEq)]
enum Status {
    Conflict,
    Unavailable,
    Internal,
}

// ANCHOR: kinds
/// What a client of the service is told.
fn status(error: &Error) -> Status {
    match error.kind() {
        // Nothing is wrong: somebody else is at it.
        ErrorKind::Taken | ErrorKind::AlreadyAdopted => Status::Conflict,
        // The servers, or the way to them. The text of `error` names each node.
        ErrorKind::Unreachable | ErrorKind::Expired | ErrorKind::Lost => {
            Status::Unavailable
        }
        // The service is about to end.
        ErrorKind::Cancelled => Status::Unavailable,
        // The program is to be mended.
        ErrorKind::InvalidOption
        | ErrorKind::HeldUnderThisValue
        | ErrorKind::NoValue => Status::Internal,
        // A kind of a later release.
        _ => Status::Internal,
    }
}
// ANCHOR_END: kinds

// ANCHOR: nodes
/// One line for each node, such as `10.0.0.2:6379: taken`.
fn what_each_node_said(error: &Error) -> Vec<String> {
    error
        .nodes()
        .iter()
        .map(|node| format!("{}: {}", node.label(), node.answer()))
        .collect()
}
// ANCHOR_END: nodes

// ANCHOR: release
/// Gives the lock back, and tells whether the work was done under it until its end.
async fn give_back(guard: Guard) -> bool {
    match guard.release().await {
        Ok(Released::Held) => true,
        // It was over before the work was. Somebody else may have worked at the same time.
        Ok(_) => false,
        // Too few nodes answered. It goes on in the background, up to the TTL.
        Err(failed) => {
            drop(failed.into_guard());
            false
        }
    }
}
// ANCHOR_END: release

#[tokio::test]
async fn taken_and_unreachable_are_told_apart() {
    let (redsync, nodes) = three_nodes();
    let held = redsync.mutex("invoice:42").lock().await.expect("it is free");
    let taken = redsync.mutex("invoice:42").try_lock().await.expect_err("it is held");
    assert_eq!(status(&taken), Status::Conflict);
    assert_eq!(what_each_node_said(&taken)[0], "memory-1: taken");

    nodes[1..].iter().for_each(|node| node.stop());
    let unreachable = redsync
        .mutex("invoice:43")
        .try_lock()
        .await
        .expect_err("two of three are down");
    assert_eq!(status(&unreachable), Status::Unavailable);

    nodes[1..].iter().for_each(|node| node.start());
    assert!(give_back(held).await);
}

#[tokio::test]
async fn who_was_too_late_is_told() {
    let (redsync, nodes) = three_nodes();
    let held = redsync.mutex("invoice:42").lock().await.expect("it is free");
    nodes.iter().for_each(|node| node.wipe());
    assert!(!give_back(held).await);
}

#[tokio::test]
async fn a_wrong_option_is_the_programs() {
    let (redsync, _nodes) = three_nodes();
    let wrong = redsync
        .mutex("invoice:42")
        .ttl(Duration::ZERO)
        .lock()
        .await
        .expect_err("no TTL");
    assert_eq!(status(&wrong), Status::Internal);
}
