//! What servers answer, and how that is told.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "helpers of tests state what they expect, too")]

mod common;

use std::sync::Arc;

use common::{ok, release, set};
use redsync_redis_rs::{Delivery, Node, NodeErrorKind, RedisNode, Reply, redis::RedisError};
use redsync_testkit::server::Server;

#[tokio::test]
async fn resp3_makes_no_difference() {
    let server = Server::start().unwrap();
    let node = RedisNode::open(&format!("{}/?protocol=resp3", server.url())).unwrap();
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
    assert_eq!(node.call(set("lock")).await.unwrap(), Reply::Nil);
}

#[tokio::test]
async fn noscript_is_a_rejection_and_does_not_break_the_connection() {
    let server = Server::start().unwrap();
    let node = RedisNode::open(&server.url()).unwrap();
    let error = node.call(release().request(&Arc::from("lock"))).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (NodeErrorKind::Rejected, Some("NOSCRIPT")));
    let before = connections(&server);
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
    // The one more is the test's own.
    assert_eq!(connections(&server), before + 1);
}

#[tokio::test]
async fn noperm_is_a_rejection_that_carries_the_driver_s_own_error() {
    let server = Server::start().unwrap();
    // May nothing but GET, not even name its client library in the handshake.
    server.command(&["ACL", "SETUSER", "reader", "on", ">secret", "~*", "+get"]).unwrap();
    let node = RedisNode::open(&format!("redis://reader:secret@127.0.0.1:{}", server.port())).unwrap();
    let error = node.call(set("lock")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (NodeErrorKind::Rejected, Some("NOPERM")));
    assert!(error.to_string().contains("'set' command"), "{error}");
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<RedisError>().unwrap();
    assert_eq!(source.code(), Some("NOPERM"));
}

#[tokio::test]
async fn a_lost_or_missing_connection_is_told_with_the_driver_s_own_error() {
    let server = Server::start().unwrap();
    let node = RedisNode::open(&server.url()).unwrap();
    node.call(set("first")).await.unwrap();
    server.pause().unwrap();
    let mut call = node.call(set("lock"));
    assert!(futures_util::poll!(&mut call).is_pending());
    server.kill();
    for (error, kind) in [
        (call.await.unwrap_err(), NodeErrorKind::Unknown),
        (node.call(set("lock")).await.unwrap_err(), NodeErrorKind::NotSent),
    ] {
        assert_eq!(error.kind(), kind, "{error:?}");
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.is::<RedisError>(), "{error:?}");
    }
}

#[tokio::test]
async fn a_node_is_called_by_its_address() {
    let node = RedisNode::open("redis://user:secret@127.0.0.1:7001/3").unwrap();
    assert_eq!(node.label(), "127.0.0.1:7001/3");
    assert_eq!(format!("{node:?}"), "RedisNode(\"127.0.0.1:7001/3\")");
    assert_eq!(node.delivery(), Delivery::AtMostOnce);
}

/// How many connections the server has seen, this question's own one included.
fn connections(server: &Server) -> u32 {
    let reply = server.command(&["INFO", "stats"]).unwrap();
    let count =
        reply.text().unwrap().lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    count.unwrap().parse().unwrap()
}
