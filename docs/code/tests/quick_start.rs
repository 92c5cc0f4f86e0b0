//! What the quick start shows does what it says.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

mod common;

use std::time::Duration;

use common::three_nodes;
use redsync_redis_rs::{Error, Redsync, Released};

// ANCHOR: by_value
/// In the request handler: takes the lock with a value of its choice, which goes into the
/// job.
async fn handler(redsync: &Redsync) -> Result<(), Error> {
    let mutex =
        redsync.mutex("report:7").ttl(Duration::from_secs(600)).with_value("job-1138");
    let guard = mutex.lock().await?;
    guard.leave(); // it stays locked until the worker releases it, or the TTL is over
    Ok(())
}

/// In the worker, in any process and on any machine: releases it with the same value.
async fn worker(redsync: &Redsync) -> Result<Released, Error> {
    redsync
        .mutex("report:7")
        .ttl(Duration::from_secs(600))
        .with_value("job-1138")
        .unlock()
        .await
}
// ANCHOR_END: by_value

#[tokio::test]
async fn a_lock_that_is_taken_here_is_released_there() {
    let (redsync, nodes) = three_nodes();
    handler(&redsync).await.expect("it is free");
    assert!(redsync.mutex("report:7").try_lock().await.is_err());
    assert_eq!(worker(&redsync).await.expect("the nodes answer"), Released::Held);
    redsync.settled().await;
    assert!(nodes.iter().all(|node| node.keys().is_empty()));
}

// ANCHOR: client
/// Locks over a client that the service has already.
fn over_a_client(
    client: redsync_redis_rs::redis::Client,
) -> Result<Redsync, Box<dyn std::error::Error + Send + Sync>> {
    use redsync_redis_rs::{RedisNode, with_nodes};

    // Also from_connection, from_pool and from_sentinel; several of them make a quorum.
    Ok(with_nodes([RedisNode::from_client(client)?])?)
}
// ANCHOR_END: client

#[tokio::test]
async fn a_client_serves_as_a_node() {
    let client =
        redsync_redis_rs::redis::Client::open("redis://127.0.0.1:7001").expect("a URL");
    let redsync = over_a_client(client).expect("a runtime");
    assert!(format!("{redsync:?}").contains("127.0.0.1:7001"));
}
