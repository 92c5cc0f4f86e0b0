//! What the chapter on operating shows does what it says.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::time::Duration;

use common::three_nodes;
use redsync_redis_rs::{RedisNode, Redsync, with_nodes};
use redsync_testkit::server::{Cluster, Sentinels, Server};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

// ANCHOR: topologies
/// A quorum of three: a server, a cluster, and the master that sentinels name.
async fn of_all_kinds(
    server: &str,
    cluster: &str,
    sentinel: &str,
    group: &str,
) -> Result<Redsync, BoxError> {
    use redsync_redis_rs::redis::{
        cluster::ClusterClient,
        sentinel::{SentinelClient, SentinelServerType},
    };

    let cluster = ClusterClient::new(vec![cluster])?.get_async_connection().await?;
    let sentinels = SentinelClient::build(
        vec![sentinel],
        String::from(group),
        None,
        SentinelServerType::Master,
    )?;
    Ok(with_nodes([
        RedisNode::open(server)?,
        RedisNode::from_connection("cluster", cluster)?,
        RedisNode::from_sentinel("sentinels", sentinels)?,
    ])?)
}

/// The same over the `fred` crate.
async fn by_urls(
    server: &str,
    cluster: &str,
    sentinel: &str,
) -> Result<Redsync, BoxError> {
    Ok(redsync_fred::connect([server, cluster, sentinel]).await?)
}
// ANCHOR_END: topologies

#[tokio::test]
async fn nodes_of_all_kinds_make_a_quorum() {
    let server = Server::start().expect("a server binary");
    let cluster = Cluster::start(3, 0).expect("a cluster");
    let sentinels = Sentinels::start().expect("sentinels");
    let (at, group) = (cluster.urls()[0].clone(), sentinels.group().to_owned());
    let redsync = of_all_kinds(&server.url(), &at, &sentinels.urls()[0], &group)
        .await
        .expect("all are up");
    let guard = redsync
        .mutex("invoice:42")
        .wait_for_all(true)
        .lock()
        .await
        .expect("it is free");
    guard.release().await.expect("the nodes answer");
    let fred = |scheme: &str, url: &str| url.replacen("redis", scheme, 1);
    let sentinel = format!(
        "{}?sentinelServiceName={group}",
        fred("redis-sentinel", &sentinels.urls()[0])
    );
    let redsync = by_urls(&server.url(), &fred("redis-cluster", &at), &sentinel)
        .await
        .expect("URLs");
    let guard = redsync.mutex("invoice:42").lock().await.expect("it is free");
    guard.release().await.expect("the nodes answer");
}

// ANCHOR: end
/// Ends the locks of a process, within the time that it has.
async fn end(redsync: &Redsync, grace: Duration) -> bool {
    // Waiting calls are told `Cancelled`, and what is to be cleaned up goes on.
    // What is not done in time is left to the TTLs.
    tokio::time::timeout(grace, redsync.shutdown()).await.is_ok()
}
// ANCHOR_END: end

#[tokio::test]
async fn a_process_ends_in_time_though_a_node_hangs() {
    let (redsync, nodes) = three_nodes();
    let guard = redsync.mutex("invoice:42").lock().await.expect("it is free");
    nodes.iter().take(1).for_each(|node| node.pause());
    drop(guard);
    assert!(!end(&redsync, Duration::from_millis(50)).await);
    nodes.iter().take(1).for_each(|node| node.resume());
    assert!(end(&redsync, Duration::from_secs(20)).await);
}
