//! The same over smol.
#![cfg(feature = "smol")]

mod common;

use std::time::Instant;

use common::{PATIENCE, ok, set};
use futures_util::FutureExt;
use redsync_redis_rs::{Node, NodeErrorKind, RedisNode, nodes};
use redsync_testkit::server::{Server, Servers};

#[test]
fn nodes_are_connected_and_answer() {
    let servers = Servers::start(3).unwrap();
    servers[2].pause().unwrap();
    smol::block_on(async {
        let nodes = nodes(servers.urls()).await.unwrap();
        assert_eq!(nodes[0].call(set("lock")).await.unwrap(), ok());
        assert_eq!(nodes[1].call(set("lock")).await.unwrap(), ok());
        assert!(nodes[2].call(set("lock")).now_or_never().is_none());
    });
}

#[test]
fn a_server_that_is_down_means_not_sent() {
    let server = Server::start().unwrap();
    server.kill();
    let error = smol::block_on(async {
        let node = RedisNode::open(&server.url()).unwrap();
        node.call(set("lock")).await.unwrap_err()
    });
    assert_eq!(error.kind(), NodeErrorKind::NotSent);
}

#[test]
fn calls_dropped_after_their_first_poll_are_delivered() {
    let server = Server::start().unwrap();
    smol::block_on(async {
        let node = RedisNode::open(&server.url()).unwrap();
        for i in 0..200 {
            assert!(node.call(set(&format!("dropped {i}"))).now_or_never().is_none());
        }
        let deadline = Instant::now() + PATIENCE;
        while server.command(&["DBSIZE"]).unwrap().int() != Some(200) {
            assert!(Instant::now() < deadline, "not all were delivered");
            smol::future::yield_now().await;
        }
    });
}
