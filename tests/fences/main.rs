//! Fencing numbers rise from holder to holder while a minority of real servers at a time is stopped, killed and restarted.
//!
//! Rivals lock, hand over, adopt, hand back and release until there were so many acquisitions and adoptions as
//! `REDSYNC_FENCES` says: 300 by default, so that it takes some seconds. At length:
//!
//! ```sh
//! REDSYNC_FENCES=10000 cargo test -p redsync-tests --test fences -- --nocapture --test-threads 1
//! ```
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests state what they expect"
)]

mod chain;
mod clocks;
mod rival;
mod trouble;

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use redsync_core::Redsync;
use redsync_testkit::server::{Server, Servers};
use redsync_tests::{Driver, for_each_driver};

use crate::{
    chain::Chain,
    clocks::Skewed,
    rival::{Journal, Rival},
    trouble::{Kind, Trouble},
};

for_each_driver! {
    numbers_rise_while_servers_lose_their_data,
    numbers_rise_by_clocks_that_differ_while_servers_keep_their_data,
}

/// The longest TTL in use, since tokens wait for less.
const TTL: Duration = Duration::from_secs(2);
const DEFAULT_SIZE: usize = 300;
const NAMES: [&str; 4] = ["invoice:42", "invoice:43", "{tenant}:7", "{tenant}:8"];
const RIVALS_PER_NAME: usize = 2;

/// A server that lost its data comes back when no lock that it had granted can be held any more. Its counters are gone,
/// so that it takes clocks that agree.
fn numbers_rise_while_servers_lose_their_data(driver: Driver) {
    run(driver, 3, &[Kind::Pause, Kind::Restart, Kind::Empty], |_| 0);
}

/// Numbers rise by the counters alone: a clock that all share would make up for what is missing there.
fn numbers_rise_by_clocks_that_differ_while_servers_keep_their_data(driver: Driver) {
    run(driver, 5, &[Kind::Pause, Kind::Restart], |client| [0, 300, -300, 7, -40][client % 5]);
}

/// Has rivals contend on so many servers, where `skew` says by how many seconds the clock of each client is ahead.
fn run(driver: Driver, count: usize, kinds: &[Kind], skew: fn(usize) -> i64) {
    let servers = start(count);
    let journal = Arc::new(Journal::new(size(), kinds));
    let trouble = Trouble::start(Arc::clone(&servers), kinds, Arc::clone(&journal));
    let begun = Instant::now();
    tokio::runtime::Runtime::new().expect("threads").block_on(async {
        let mut rivals = Vec::new();
        for number in 0..NAMES.len() * RIVALS_PER_NAME {
            let mut clients = Vec::new();
            for client in 0..3 {
                clients.push(client_of(driver, &servers, skew(number * 3 + client)).await);
            }
            let rival = Rival::new(NAMES[number % NAMES.len()], clients, Arc::clone(&journal));
            rivals.push(tokio::spawn(rival.contend()));
        }
        for rival in rivals {
            rival.await.expect("no panic");
        }
    });
    let (took, faults) = (begun.elapsed(), trouble.end());
    println!("{driver:?}, {count} servers: {journal} in {took:.1?}; faults: {faults:?}");
    assert!(kinds.iter().all(|kind| faults.contains_key(kind)), "{faults:?}");
    for name in NAMES {
        let violations = Chain::of(&journal.holds(), name).violations();
        assert!(violations.is_empty(), "{name}:\n{}", violations.join("\n"));
    }
}

fn size() -> usize {
    let size = env::var("REDSYNC_FENCES").ok();
    size.map_or(DEFAULT_SIZE, |size| size.parse().expect("a number in REDSYNC_FENCES"))
}

/// Servers that write everything down before they reply, so that a kill loses nothing.
fn start(count: usize) -> Arc<Servers> {
    let server = |_| {
        let server = Server::builder().config("appendonly yes").config("appendfsync no");
        server.start().expect("a server binary")
    };
    Arc::new(Servers::from((0..count).map(server).collect::<Vec<_>>()))
}

async fn client_of(driver: Driver, servers: &Servers, ahead: i64) -> Redsync {
    let nodes = driver.nodes(servers.urls()).await.expect("valid URLs");
    Redsync::builder(Arc::new(Skewed::by_seconds(ahead)))
        .nodes(nodes)
        .build()
        .expect("an odd number of nodes")
}
