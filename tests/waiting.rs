//! Who waits on real servers for a lock that another process has.
#![allow(clippy::expect_used, clippy::panic, reason = "tests state what they expect")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all, select};
use redsync_core::{Hint, Mutex, Redsync, Request};
use redsync_testkit::server::{Server, Servers};
use redsync_tests::{Driver, for_each_driver};

const NAME: &str = "report:7";
const TTL: Duration = Duration::from_secs(30);
/// After such a silence a connection is left to the requests that wait for it.
const LONG_SILENCE: Duration = Duration::from_millis(10_500);
/// Nobody who polls has the lock before this is over.
const NEVER: Duration = Duration::from_secs(3600);

for_each_driver! {
    async a_waiting_call_is_woken_while_a_minority_of_the_servers_hangs,
    async a_server_without_resp3_is_polled,
    async who_watches_hears_that_the_connection_was_given_up,
    async a_busy_process_lets_another_one_have_the_lock_on_one_server,
    async a_busy_process_lets_another_one_have_the_lock_on_five_servers,
}

async fn a_waiting_call_is_woken_while_a_minority_of_the_servers_hangs(driver: Driver) {
    let servers = Servers::start(5).expect("a server binary");
    let (holder, waiter) = (connect(driver, &servers).await, connect(driver, &servers).await);
    let guard = holder.mutex(NAME).ttl(TTL).lock().await.expect("free");
    for server in servers.iter().take(2) {
        server.pause().expect("it runs");
    }
    woken(waiter.mutex(NAME).ttl(TTL).retry_delay(NEVER), guard).await;
    for server in servers.iter().take(2) {
        server.resume().expect("it is there");
    }
    holder.settled().await;
    waiter.settled().await;
}

async fn a_server_without_resp3_is_polled(driver: Driver) {
    let server = Server::builder().config("rename-command HELLO \"\"").start().expect("a server binary");
    let urls = || vec![server.url()];
    let holder = driver.connect(urls()).await.expect("valid URLs");
    let waiter = driver.connect(urls()).await.expect("valid URLs");
    let guard = holder.mutex(NAME).ttl(TTL).lock().await.expect("free");
    woken(waiter.mutex(NAME).ttl(TTL).tries(1000).retry_delay(Duration::from_millis(20)), guard).await;
}

/// A connection that has been silent for long while requests waited for it is left to them, and closed when they are
/// answered. What it should have told is told by nobody then.
async fn who_watches_hears_that_the_connection_was_given_up(driver: Driver) {
    let server = Server::start().expect("a server binary");
    let node = driver.open(&server.url()).expect("a valid URL");
    let set = Request::command(["SET", NAME, "another client's"], 1);
    node.call(set).await.expect("reachable");
    let watch = |key: &str| tokio::spawn(node.watch(Arc::from(key)).expect("over a connection of its own"));
    let mut first = watch(NAME);
    let is_over = tokio::time::timeout(Duration::from_millis(500), &mut first).await;
    is_over.expect_err("nothing has changed");
    server.pause().expect("it runs");
    let second = watch("busy");
    tokio::time::sleep(LONG_SILENCE).await;
    // It is to connect anew, and cannot.
    watch("later").await.expect("no panic").expect_err("the server hangs");
    server.resume().expect("it is there");
    assert_eq!(second.await.expect("no panic").expect("answered late"), Hint::Free);
    let told = tokio::time::timeout(Duration::from_secs(5), first).await.expect("told in time");
    assert_eq!(told.expect("no panic").expect("watched"), Hint::Changed);
}

/// The lock is had soon after its guard has released it.
async fn woken(mutex: Mutex, guard: redsync_core::Guard) {
    let release = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        guard.release().await.expect("reachable");
        Instant::now()
    };
    let wait = async {
        let guard = tokio::time::timeout(TTL / 2, mutex.lock()).await.expect("long before its TTL is over");
        (Instant::now(), guard.expect("free by then"))
    };
    let ((taken, guard), released) = join(wait, release).await;
    let after = taken.saturating_duration_since(released);
    assert!(after < Duration::from_secs(5), "{after:?} after the release");
    guard.release().await.expect("reachable");
}

async fn a_busy_process_lets_another_one_have_the_lock_on_one_server(driver: Driver) {
    take_turns(driver, 1).await;
}

async fn a_busy_process_lets_another_one_have_the_lock_on_five_servers(driver: Driver) {
    take_turns(driver, 5).await;
}

/// How often the call of the other process has the lock.
const TURNS: usize = 20;

/// Sixteen calls of one process that never think, and one of another.
async fn take_turns(driver: Driver, nodes: usize) {
    let servers = Servers::start(nodes).expect("a server binary");
    let (busy, other) = (connect(driver, &servers).await, connect(driver, &servers).await);
    let ours = AtomicUsize::new(0);
    let endless = join_all((0..16).map(|_| async {
        loop {
            use_lock(&busy).await;
            ours.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let turns = async {
        for _ in 0..TURNS {
            use_lock(&other).await;
        }
    };
    select(Box::pin(endless), Box::pin(turns)).await;
    let ours = ours.load(Ordering::Relaxed);
    // Each ninth time the chance is the same; a fair share would be less than one in sixteen.
    assert!(ours <= TURNS * 100, "{TURNS} times while the busy process had it {ours} times");
    busy.settled().await;
    other.settled().await;
}

async fn use_lock(redsync: &Redsync) {
    let guard = redsync.mutex(NAME).ttl(TTL).tries(100_000).lock().await.expect("its turn comes");
    tokio::time::sleep(Duration::from_millis(1)).await;
    guard.release().await.expect("reachable");
}

async fn connect(driver: Driver, servers: &Servers) -> Redsync {
    driver.connect(servers.urls()).await.expect("valid URLs")
}
