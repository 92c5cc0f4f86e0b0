//! Nodes over what an application has already.
#![allow(clippy::unwrap_used, reason = "helpers of tests state what they expect, too")]

mod common;

use std::time::{Duration, Instant};

use common::{PATIENCE, ok, set, source};
use futures_util::FutureExt;
use redsync_fred::{
    Delivery, Node, NodeErrorKind, RedisNode, ShareError,
    fred::{
        clients::{Client, Pool},
        interfaces::ClientLike,
        types::config::{Config, ReconnectPolicy},
    },
};
use redsync_testkit::server::Server;

#[tokio::test]
async fn a_config() {
    let server = Server::start().unwrap();
    let node = RedisNode::from_config(config(&server)).unwrap();
    assert_eq!(node.label(), format!("127.0.0.1:{}", server.port()));
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
}

#[tokio::test]
async fn a_client() {
    let server = Server::start().unwrap();
    let client = client(&server).await;
    let node = RedisNode::from_client(client.clone()).unwrap();
    assert_eq!(node.label(), format!("127.0.0.1:{}", server.port()));
    assert_eq!(node.delivery(), Delivery::AtMostOnce);
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
    for i in 0..200 {
        assert!(node.call(set(&format!("dropped {i}"))).now_or_never().is_none());
    }
    node.call(set("last")).await.unwrap();
    assert_eq!(server.command(&["DBSIZE"]).unwrap().int(), Some(202));
    client.quit().await.unwrap();
    let error = node.call(set("other")).await.unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::NotSent, "{error:?}");
}

#[tokio::test]
async fn a_client_that_is_not_connected_means_not_sent() {
    let client = Client::new(Config::default(), None, None, policy());
    let node = RedisNode::from_client(client).unwrap();
    let error = node.call(set("lock")).await.unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::NotSent);
    assert_eq!(source(&error), "the client is Disconnected");
}

#[tokio::test]
async fn a_client_that_never_reconnects_is_refused() {
    let client = Client::new(Config::default(), None, None, None);
    let error = RedisNode::from_client(client).unwrap_err();
    assert!(matches!(error, ShareError::NoReconnectPolicy), "{error:?}");
    assert!(error.to_string().contains("set_policy"), "{error}");
    let pool = Pool::new(Config::default(), None, None, None, 2).unwrap();
    assert!(RedisNode::from_pool(pool).is_err());
}

/// By default, `fred` sends a command three times.
#[tokio::test]
async fn a_client_that_lost_its_connection_does_not_send_again() {
    let server = Server::start().unwrap();
    let client = client(&server).await;
    let node = RedisNode::from_client(client).unwrap();
    node.call(set("first")).await.unwrap();
    server.pause().unwrap();
    let mut call = node.call(set("lock"));
    assert!(futures_util::poll!(&mut call).is_pending());
    server.restart_empty().unwrap();
    assert_eq!(call.await.unwrap_err().kind(), NodeErrorKind::Unknown);
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = node.call(set("other")).await {
        assert!(Instant::now() < deadline, "{error:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.command(&["EXISTS", "lock"]).unwrap().int(), Some(0));
}

#[tokio::test]
async fn a_pool() {
    let server = Server::start().unwrap();
    let pool = Pool::new(config(&server), None, None, policy(), 3).unwrap();
    pool.init().await.unwrap();
    let node = RedisNode::from_pool(pool).unwrap();
    for i in 0..6 {
        assert_eq!(node.call(set(&format!("lock {i}"))).await.unwrap(), ok());
    }
    assert_eq!(server.command(&["DBSIZE"]).unwrap().int(), Some(6));
}

#[tokio::test]
async fn sentinels_are_asked_again_when_the_master_has_become_a_replica() {
    let (old, new) = (Server::start().unwrap(), Server::start().unwrap());
    let sentinel = Server::builder().arg("--sentinel").start().unwrap();
    monitor(&sentinel, &old);
    let url = format!("redis-sentinel://127.0.0.1:{}?sentinelServiceName=group", sentinel.port());
    let node = RedisNode::open(&url).unwrap();
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());

    old.command(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).unwrap();
    sentinel.command(&["SENTINEL", "REMOVE", "group"]).unwrap();
    monitor(&sentinel, &new);
    let error = node.call(set("other")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (NodeErrorKind::Rejected, Some("READONLY")));
    assert_eq!(node.call(set("other")).await.unwrap(), ok());
    assert_eq!(new.command(&["GET", "other"]).unwrap().text(), Some("value"));
}

/// `fred` would go on with its connection, as nobody could tell it otherwise.
#[tokio::test]
async fn a_dropped_node_closes_its_connection() {
    let server = Server::start().unwrap();
    let node = RedisNode::open(&server.url()).unwrap();
    node.call(set("lock")).await.unwrap();
    drop(node);
    let deadline = Instant::now() + PATIENCE;
    // The one that remains is the test's own.
    while !server.command(&["INFO", "clients"]).unwrap().text().unwrap().contains("connected_clients:1\r") {
        assert!(Instant::now() < deadline, "the connection stays open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn monitor(sentinel: &Server, master: &Server) {
    let port = master.port().to_string();
    let reply = sentinel.command(&["SENTINEL", "MONITOR", "group", "127.0.0.1", &port, "1"]).unwrap();
    assert_eq!(reply.text(), Some("OK"));
}

fn config(server: &Server) -> Config {
    Config::from_url(&server.url()).unwrap()
}

fn policy() -> Option<ReconnectPolicy> {
    Some(ReconnectPolicy::new_constant(0, 10))
}

async fn client(server: &Server) -> Client {
    let client = Client::new(config(server), None, None, policy());
    client.init().await.unwrap();
    client
}
