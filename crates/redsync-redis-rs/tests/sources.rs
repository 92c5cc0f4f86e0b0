//! Nodes over what an application has already.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "helpers of tests state what they expect, too")]

mod common;

use std::{
    io,
    ops::{Deref, DerefMut},
};

use common::{ok, set, source};
use futures_util::FutureExt;
use redsync_redis_rs::{
    Delivery, Node, NodeErrorKind, RedisNode,
    redis::{Client, aio::MultiplexedConnection},
};
use redsync_testkit::server::Server;

#[tokio::test]
async fn a_client() {
    let server = Server::start().unwrap();
    let node = RedisNode::from_client(client(&server)).unwrap();
    assert_eq!(node.label(), format!("127.0.0.1:{}", server.port()));
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
}

#[tokio::test]
async fn a_multiplexed_connection() {
    let server = Server::start().unwrap();
    let node = RedisNode::from_connection("mine", connection(&server).await).unwrap();
    assert_eq!((&*node.label(), node.delivery()), ("mine", Delivery::AtMostOnce));
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
    for i in 0..200 {
        assert!(node.call(set(&format!("dropped {i}"))).now_or_never().is_none());
    }
    node.call(set("last")).await.unwrap();
    assert_eq!(server.command(&["DBSIZE"]).unwrap().int(), Some(202));
}

#[cfg(feature = "connection-manager")]
#[tokio::test]
async fn a_connection_manager() {
    let server = Server::start().unwrap();
    let manager = client(&server).get_connection_manager().await.unwrap();
    let node = RedisNode::from_connection("mine", manager).unwrap();
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
}

#[tokio::test]
async fn a_bb8_pool() {
    let server = Server::start().unwrap();
    let pool = bb8::Pool::builder().max_size(2).build(client(&server)).await.unwrap();
    let node = RedisNode::from_pool("pool", move || {
        let pool = pool.clone();
        async move { pool.get_owned().await }
    });
    assert_eq!(node.unwrap().call(set("lock")).await.unwrap(), ok());
}

#[tokio::test]
async fn a_pool_whose_objects_dereference_to_a_connection() {
    let server = Server::start().unwrap();
    let connection = connection(&server).await;
    let node = RedisNode::from_pool("pool", move || {
        let object = Object(connection.clone());
        async move { io::Result::Ok(object) }
    });
    assert_eq!(node.unwrap().call(set("lock")).await.unwrap(), ok());
}

#[tokio::test]
async fn a_pool_without_a_connection_means_not_sent() {
    let node = RedisNode::from_pool("pool", || async { Err::<Object, _>("all are in use") }).unwrap();
    let error = node.call(set("lock")).await.unwrap_err();
    assert_eq!((error.kind(), source(&error).as_str()), (NodeErrorKind::NotSent, "all are in use"));
}

#[cfg(feature = "sentinel")]
#[tokio::test]
async fn sentinels_are_asked_again_when_the_master_has_become_a_replica() {
    use redsync_redis_rs::redis::sentinel::{SentinelClient, SentinelServerType};

    let (old, new) = (Server::start().unwrap(), Server::start().unwrap());
    let sentinel = Server::builder().arg("--sentinel").start().unwrap();
    monitor(&sentinel, &old);
    let client =
        SentinelClient::build(vec![sentinel.url()], String::from("group"), None, SentinelServerType::Master);
    let node = RedisNode::from_sentinel("group", client.unwrap()).unwrap();
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());

    old.command(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).unwrap();
    sentinel.command(&["SENTINEL", "REMOVE", "group"]).unwrap();
    monitor(&sentinel, &new);
    let error = node.call(set("other")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (NodeErrorKind::Rejected, Some("READONLY")));
    assert_eq!(node.call(set("other")).await.unwrap(), ok());
    assert_eq!(new.command(&["GET", "other"]).unwrap().text(), Some("value"));
}

#[cfg(feature = "sentinel")]
fn monitor(sentinel: &Server, master: &Server) {
    let port = master.port().to_string();
    let reply = sentinel.command(&["SENTINEL", "MONITOR", "group", "127.0.0.1", &port, "1"]).unwrap();
    assert_eq!(reply.text(), Some("OK"));
}

fn client(server: &Server) -> Client {
    Client::open(server.url()).unwrap()
}

async fn connection(server: &Server) -> MultiplexedConnection {
    client(server).get_multiplexed_async_connection().await.unwrap()
}

/// Is shaped like the objects of `deadpool-redis`.
struct Object(MultiplexedConnection);

impl Deref for Object {
    type Target = MultiplexedConnection;

    fn deref(&self) -> &MultiplexedConnection {
        &self.0
    }
}

impl DerefMut for Object {
    fn deref_mut(&mut self) -> &mut MultiplexedConnection {
        &mut self.0
    }
}
