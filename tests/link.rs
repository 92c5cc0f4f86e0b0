//! Connections that are missing, hang, break and come back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests state what they expect, too"
)]

use std::{
    net::TcpListener,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::join_all};
use redsync_core::{Node, NodeError, NodeErrorKind, Reply, Request, Ttl, Value, wire::Command};
use redsync_testkit::server::{Server, Servers};
use redsync_tests::{Driver, for_each_driver};

for_each_driver! {
    async a_node_that_is_down_at_the_start_connects_when_it_has_come_back,
    async a_connection_that_broke_is_replaced_by_the_next_call,
    async a_connection_that_was_closed_while_it_was_idle_costs_no_request,
    async looking_at_an_idle_connection_sends_nothing,
    async a_hung_node_holds_up_nobody_and_its_backlog_has_an_end,
    async a_late_reply_is_a_reply,
    async a_request_whose_caller_went_away_keeps_its_place_in_the_backlog,
    async a_call_dropped_after_its_first_poll_is_delivered_over_a_busy_connection,
    async a_call_dropped_while_its_node_is_being_connected_is_delivered,
    async a_call_that_was_never_polled_is_not_sent,
    async a_hung_node_does_not_hold_up_the_start_of_the_others,
    async the_start_waits_for_a_hung_majority_no_longer_than_a_try_to_connect,
    async calls_do_not_hammer_a_node_that_turns_connections_away,
    async a_thread_outside_of_any_runtime_can_call_a_node,
    async a_wrong_password_means_not_sent_and_is_not_told,
    a_node_outlives_the_runtime_that_connected_it,
    a_node_outlives_the_runtime_that_was_connecting_it,
}

/// Waits for what another process does end after this long.
const PATIENCE: Duration = Duration::from_secs(10);

async fn a_node_that_is_down_at_the_start_connects_when_it_has_come_back(driver: Driver) {
    let server = Server::start().unwrap();
    server.kill();
    let node = driver.nodes(vec![server.url()]).await.unwrap().remove(0);
    let error = node.call(set("lock")).await.unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::NotSent);
    assert!(source(&error).contains("refused"), "{error:?}");
    server.restart_empty().unwrap();
    assert_eq!(once_reachable(&node).await, ok());
}

async fn a_connection_that_broke_is_replaced_by_the_next_call(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    node.call(set("lock")).await.unwrap();
    server.pause().unwrap();
    let mut call = node.call(set("lock"));
    assert!(futures_util::poll!(&mut call).is_pending());
    server.restart_empty().unwrap();
    assert_eq!(call.await.unwrap_err().kind(), NodeErrorKind::Unknown);
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
}

async fn a_connection_that_was_closed_while_it_was_idle_costs_no_request(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    node.call(set("lock")).await.unwrap();
    server.restart_empty().unwrap();
    // What counts as idle, and time for the closing to be heard of.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(node.call(set("lock")).await.unwrap(), ok());
}

async fn looking_at_an_idle_connection_sends_nothing(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    node.call(set("lock")).await.unwrap();
    server.command(&["CONFIG", "RESETSTAT"]).unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(node.call(set("lock")).await.unwrap(), Reply::Nil);
    let commands = server.command(&["INFO", "commandstats"]).unwrap();
    let commands = commands.text().unwrap();
    assert!(commands.contains("cmdstat_set:calls=1,") && !commands.contains("ping"), "{commands}");
}

async fn a_hung_node_holds_up_nobody_and_its_backlog_has_an_end(driver: Driver) {
    let servers = Servers::start(2).unwrap();
    let nodes = driver.nodes(servers.urls()).await.unwrap();
    join_all(nodes.iter().map(|node| node.call(set("first")))).await;
    servers[0].pause().unwrap();
    let mut waiting: Vec<_> = (0..1024).map(|i| nodes[0].call(set(&format!("lock {i}")))).collect();
    assert!(waiting.iter_mut().all(|call| call.now_or_never().is_none()));

    let error = nodes[0].call(set("lock")).now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::NotSent);
    assert_eq!(source(&error), "1024 requests to this node are unanswered already");
    assert_eq!(nodes[1].call(set("lock")).await.unwrap(), ok());

    servers[0].resume().unwrap();
    assert!(join_all(waiting).await.into_iter().all(|reply| reply.unwrap() == ok()));
    assert_eq!(nodes[0].call(set("lock")).await.unwrap(), ok());
}

async fn a_late_reply_is_a_reply(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    node.call(set("first")).await.unwrap();
    server.pause().unwrap();
    let mut call = node.call(set("lock"));
    assert!(futures_util::poll!(&mut call).is_pending());
    // Longer than the `redis` crate waits by default.
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(futures_util::poll!(&mut call).is_pending());
    server.resume().unwrap();
    assert_eq!(call.await.unwrap(), ok());
}

async fn a_request_whose_caller_went_away_keeps_its_place_in_the_backlog(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    node.call(set("first")).await.unwrap();
    server.pause().unwrap();
    for i in 0..1024 {
        assert!(node.call(set(&format!("lock {i}"))).now_or_never().is_none());
    }
    let error = node.call(set("lock")).now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::NotSent);
    server.resume().unwrap();
}

async fn a_call_dropped_after_its_first_poll_is_delivered_over_a_busy_connection(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    node.call(set("first")).await.unwrap();
    server.pause().unwrap();
    let mut busy: Vec<_> = (0..100).map(|i| node.call(set(&format!("busy {i}")))).collect();
    assert!(busy.iter_mut().all(|call| call.now_or_never().is_none()));
    for i in 0..200 {
        assert!(node.call(set(&format!("dropped {i}"))).now_or_never().is_none());
    }
    server.resume().unwrap();
    // One connection keeps the order, so this reply comes after theirs.
    node.call(set("last")).await.unwrap();
    assert_eq!(server.command(&["DBSIZE"]).unwrap().int(), Some(302));
}

async fn a_call_dropped_while_its_node_is_being_connected_is_delivered(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    for i in 0..200 {
        assert!(node.call(set(&format!("dropped {i}"))).now_or_never().is_none());
    }
    let deadline = Instant::now() + PATIENCE;
    while server.command(&["DBSIZE"]).unwrap().int() != Some(200) {
        assert!(Instant::now() < deadline, "not all were delivered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn a_call_that_was_never_polled_is_not_sent(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    drop(node.call(set("lock")));
    node.call(set("other")).await.unwrap();
    assert_eq!(server.command(&["DBSIZE"]).unwrap().int(), Some(1));
}

async fn a_hung_node_does_not_hold_up_the_start_of_the_others(driver: Driver) {
    let servers = Servers::start(3).unwrap();
    servers[0].pause().unwrap();
    let start = Instant::now();
    let nodes = driver.nodes(servers.urls()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "it waited for the hung node");
    let replies = join_all(nodes[1..].iter().map(|node| node.call(set("lock")))).await;
    assert!(replies.into_iter().all(|reply| reply.unwrap() == ok()));
    servers[0].resume().unwrap();
    assert_eq!(once_reachable(&nodes[0]).await, ok());
}

async fn the_start_waits_for_a_hung_majority_no_longer_than_a_try_to_connect(driver: Driver) {
    let servers = Servers::start(3).unwrap();
    servers[0].pause().unwrap();
    servers[1].pause().unwrap();
    let start = Instant::now();
    let nodes = driver.nodes(servers.urls()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    let error = nodes[0].call(set("lock")).now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::NotSent);
    assert_eq!(nodes[2].call(set("lock")).await.unwrap(), ok());
}

async fn calls_do_not_hammer_a_node_that_turns_connections_away(driver: Driver) {
    let (address, accepted) = slammed_door();
    let node = driver.open(&format!("redis://{address}")).unwrap();
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < Duration::from_millis(350) {
        assert_eq!(node.call(set("lock")).await.unwrap_err().kind(), NodeErrorKind::NotSent);
        calls += 1;
    }
    // Tries at 0, 100 and 300 ms; fewer where the machine was busy.
    let accepted = accepted.load(Ordering::Relaxed);
    assert!((1..=3).contains(&accepted), "{accepted} connections in {calls} calls");
}

async fn a_thread_outside_of_any_runtime_can_call_a_node(driver: Driver) {
    let server = Server::start().unwrap();
    let node = driver.open(&server.url()).unwrap();
    let (send, receive) = futures_channel::oneshot::channel();
    let outside = thread::spawn(move || send.send(smol::block_on(node.call(set("lock")))));
    assert_eq!(receive.await.unwrap().unwrap(), ok());
    outside.join().unwrap().unwrap();
}

fn a_node_outlives_the_runtime_that_connected_it(driver: Driver) {
    let server = Server::start().unwrap();
    let first = tokio::runtime::Runtime::new().unwrap();
    let node = first.block_on(async {
        let node = driver.open(&server.url()).unwrap();
        node.call(set("first")).await.unwrap();
        node
    });
    first.shutdown_background();
    let second = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(second.block_on(once_reachable(&node)), ok());
}

fn a_node_outlives_the_runtime_that_was_connecting_it(driver: Driver) {
    let server = Server::start().unwrap();
    server.pause().unwrap();
    let first = tokio::runtime::Runtime::new().unwrap();
    let node = first.block_on(async { driver.open(&server.url()).unwrap() });
    assert!(first.block_on(async { node.call(set("lock")).now_or_never() }).is_none());
    first.shutdown_background();
    server.resume().unwrap();
    let second = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(second.block_on(once_reachable(&node)), ok());
}

async fn a_wrong_password_means_not_sent_and_is_not_told(driver: Driver) {
    let server = Server::start().unwrap();
    server.command(&["CONFIG", "SET", "requirepass", "secret"]).unwrap();
    let node = driver.open(&format!("redis://:wrong@127.0.0.1:{}", server.port())).unwrap();
    let error = node.call(set("lock")).await.unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::NotSent);
    assert!(!format!("{error:?}").contains("wrong@"), "{error:?}");
    assert!(source(&error).contains("assword"), "{error:?}");
}

/// Calls until there is a reply. Each call sets a key of its own, since one without a reply may have been
/// executed.
async fn once_reachable(node: &Arc<dyn Node>) -> Reply {
    let deadline = Instant::now() + PATIENCE;
    for i in 0.. {
        match node.call(set(&format!("try {i}"))).await {
            Ok(reply) => return reply,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    unreachable!("the deadline comes first")
}

/// Accepts connections, counts them, and closes them.
fn slammed_door() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, accepted) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&accepted);
    thread::spawn(move || {
        for connection in listener.incoming() {
            count.fetch_add(1, Ordering::Relaxed);
            drop(connection);
        }
    });
    (address, accepted)
}

fn set(key: &str) -> Request {
    let ttl = Ttl::new(Duration::from_secs(60)).unwrap();
    Command::Acquire { value: Value::new("value"), ttl, look: false, proposal: None }.request(&Arc::from(key))
}

/// The reply to a SET that found no such key.
fn ok() -> Reply {
    Reply::Text(b"OK".to_vec())
}

fn source(error: &NodeError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}
