//! Slots that move, while nodes of clusters are in use.
#![allow(clippy::unwrap_used, reason = "helpers of tests state what they expect, too")]

mod common;

use common::{ok, set};
use redsync_fred::{
    Node, NodeErrorKind, RedisNode,
    fred::{
        clients::Client,
        interfaces::ClientLike,
        types::{
            CustomCommand,
            config::{Config, ReconnectPolicy},
        },
        util::redis_keyslot,
    },
};
use redsync_testkit::server::{Cluster, Server};

const KEY: &str = "bar";

/// A cluster, a client of the application's, and a node over each kind of connection.
async fn start() -> (Cluster, Client, [RedisNode; 2]) {
    let cluster = Cluster::start(3, 0).unwrap();
    let url = format!("redis-cluster://127.0.0.1:{}", cluster.servers().next().unwrap().port());
    let policy = Some(ReconnectPolicy::new_constant(0, 10));
    let client = Client::new(Config::from_url(&url).unwrap(), None, None, policy);
    client.init().await.unwrap();
    let nodes = [RedisNode::open(&url).unwrap(), RedisNode::from_client(client.clone()).unwrap()];
    for node in &nodes {
        node.call(set("warm-up")).await.unwrap();
    }
    (cluster, client, nodes)
}

fn id(server: &Server) -> String {
    server.command(&["CLUSTER", "MYID"]).unwrap().text().unwrap().to_owned()
}

fn set_slot(server: &Server, state: &str, other: &Server) {
    let slot = redis_keyslot(KEY.as_bytes()).to_string();
    let reply = server.command(&["CLUSTER", "SETSLOT", &slot, state, &id(other)]).unwrap();
    assert_eq!(reply.text(), Some("OK"), "{reply:?}");
}

fn owner_and_other(cluster: &Cluster) -> (&Server, &Server) {
    let owner = cluster.owner(KEY).unwrap();
    (owner, cluster.servers().find(|server| server.port() != owner.port()).unwrap())
}

#[tokio::test]
async fn a_slot_that_has_moved_is_found_within_the_call() {
    let (cluster, _client, nodes) = start().await;
    let (from, to) = owner_and_other(&cluster);
    for server in [to, from] {
        set_slot(server, "NODE", to);
    }
    for node in nodes {
        to.command(&["DEL", KEY]).unwrap();
        assert_eq!(node.call(set(KEY)).await.unwrap(), ok());
        assert_eq!(to.command(&["GET", KEY]).unwrap().text(), Some("value"));
    }
}

/// `fred` would end the whole client at an `ASK` that it may not follow.
#[tokio::test]
async fn a_slot_that_is_moving_is_out_of_reach_and_harms_nothing_else() {
    let (cluster, client, nodes) = start().await;
    let (from, to) = owner_and_other(&cluster);
    set_slot(to, "IMPORTING", from);
    set_slot(from, "MIGRATING", to);
    for (number, node) in nodes.iter().enumerate() {
        let error = node.call(set(KEY)).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (NodeErrorKind::Rejected, Some("MOVED")), "{error:?}");
        for other in ["foo", "warm", "{up}"] {
            assert_eq!(node.call(set(&format!("{other} {number}"))).await.unwrap(), ok());
        }
    }
    let get = CustomCommand::new("GET", redis_keyslot(b"foo 0"), false);
    let value: Option<String> = client.custom(get, vec!["foo 0"]).await.unwrap();
    assert_eq!(value.as_deref(), Some("value"), "the application's client lives");
}
