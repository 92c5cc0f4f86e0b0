//! A token that is delivered twice: at most one of the two workers adopts the lock at a time, and one does in the end.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests state what they expect"
)]

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use redsync_core::{Delay, Error, ErrorKind, Guard, LockToken, Mutex, Redsync, Released};
use redsync_testkit::server::{Server, Servers};
use redsync_tests::{Driver, for_each_driver};
use tokio::sync::Barrier;

for_each_driver! {
    a_token_that_is_delivered_twice_is_adopted_once,
}

const ROUNDS: usize = 1000;
const WAIT: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(8);
const SERVERS: usize = 3;

/// What keeps one server out of a round, so that the two workers share a bare quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Absence {
    /// All servers have the lock.
    Nothing,
    /// It has lost the key.
    Lacks(usize),
    /// It is down.
    Down,
    /// It hangs.
    Hangs,
}

/// What came of the rounds.
#[derive(Default)]
struct Counts {
    rounds: BTreeMap<&'static str, usize>,
    /// Deliveries that were refused, by kind and kind of round.
    refused: BTreeMap<String, usize>,
    /// Rounds in which both workers made room for each other until their tries were used up.
    delivered_again: usize,
}

impl Absence {
    /// A thousand rounds: every fifth without one of the keys, and some while a server is away.
    fn of(round: usize) -> Self {
        match round {
            900..980 => Self::Down,
            980.. => Self::Hangs,
            _ if round.is_multiple_of(5) => Self::Lacks(round / 5 % SERVERS),
            _ => Self::Nothing,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "all servers have it",
            Self::Lacks(_) => "one lacks it",
            Self::Down => "one is down",
            Self::Hangs => "one hangs",
        }
    }
}

/// The servers, who locks, and two workers who know nothing of each other.
struct Site {
    servers: Servers,
    handler: Redsync,
    workers: [Redsync; 2],
    /// How many adopted guards there are.
    live: Arc<AtomicUsize>,
}

fn a_token_that_is_delivered_twice_is_adopted_once(driver: Driver) {
    tokio::runtime::Runtime::new().expect("threads").block_on(async {
        let (site, start) = (Site::start(driver).await, Instant::now());
        let mut counts = Counts::default();
        for round in 0..ROUNDS {
            site.prepare(round);
            site.deliver(round, &mut counts).await;
        }
        println!("{driver:?}: {counts} in {:?}", start.elapsed());
        site.assert_clean().await;
        let bare = ROUNDS - counts.rounds[Absence::Nothing.name()];
        assert!(bare >= 100, "{bare} rounds on a bare quorum");
    });
}

impl Site {
    async fn start(driver: Driver) -> Self {
        let servers = Servers::start(SERVERS).expect("a server binary");
        let connect = || async { driver.connect(servers.urls()).await.expect("valid URLs") };
        let (handler, workers) = (connect().await, [connect().await, connect().await]);
        Self { servers, handler, workers, live: Arc::default() }
    }

    /// The last server is the one that goes away, at the end.
    fn prepare(&self, round: usize) {
        let (last, before) = (&self.servers[SERVERS - 1], round.checked_sub(1).map(Absence::of));
        if before == Some(Absence::of(round)) {
            return;
        }
        match Absence::of(round) {
            Absence::Nothing | Absence::Lacks(_) => {}
            Absence::Down => last.kill(),
            Absence::Hangs => {
                last.restart_empty().expect("its port is free");
                last.pause().expect("it runs");
            }
        }
    }

    /// Hands a lock over and delivers its token to both workers, until one has adopted it.
    async fn deliver(&self, round: usize, counts: &mut Counts) {
        let absence = Absence::of(round);
        let token = self.handed_over(&format!("job:{round}")).await;
        if let Absence::Lacks(server) = absence {
            self.servers[server].command(&["DEL", token.name()]).expect("it answers");
        }
        *counts.rounds.entry(absence.name()).or_default() += 1;
        // Half of the winners are done before the other worker knows of them.
        let at_once = round.is_multiple_of(2);
        while !self.deliver_once(&token, at_once, absence, counts).await {
            counts.delivered_again += 1;
        }
    }

    async fn handed_over(&self, name: &str) -> LockToken {
        let guard = mutex(&self.handler, name).lock().await.expect("free");
        guard.hand_over(WAIT).await.expect("a quorum answers")
    }

    /// Delivers the token to both workers at once, and says whether one has adopted it.
    async fn deliver_once(
        &self,
        token: &LockToken,
        at_once: bool,
        absence: Absence,
        counts: &mut Counts,
    ) -> bool {
        let barrier = Arc::new(Barrier::new(2));
        let worker = |number: usize| {
            let mutex = mutex(&self.workers[number], token.name());
            let (live, barrier) = (Arc::clone(&self.live), Arc::clone(&barrier));
            tokio::spawn(work(mutex, token.clone(), barrier, live, at_once))
        };
        let (one, other) = (worker(0), worker(1));
        let results = [one.await.expect("no panic"), other.await.expect("no panic")];
        let (adopted, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert!(adopted.len() <= 1, "{} workers have adopted {}", adopted.len(), token.name());
        for error in refused.into_iter().filter_map(Result::err) {
            // Where the winner was done at once, its key may be gone by now.
            let is_truthful = error.kind() == ErrorKind::AlreadyAdopted
                || (at_once && !adopted.is_empty() && error.kind() == ErrorKind::Expired);
            assert!(is_truthful, "{error}");
            *counts.refused.entry(format!("{:?} where {}", error.kind(), absence.name())).or_default() += 1;
        }
        let is_adopted = !adopted.is_empty();
        for guard in adopted.into_iter().flatten().flatten() {
            give_back(guard, &self.live).await;
        }
        is_adopted
    }

    /// When everybody has settled, nothing is left of any round, but what the server that hung has taken in late: the first
    /// request of the handler after the last ones of the workers. That stands for the TTL of a lock, and not for the wait.
    async fn assert_clean(&self) {
        self.servers[SERVERS - 1].resume().expect("it is stopped");
        for redsync in self.workers.iter().chain([&self.handler]) {
            redsync.settled().await;
        }
        let (hung, others) = self.servers.split_last().expect("three servers");
        others.iter().for_each(|server| assert_eq!(keys(server), 0));
        if keys(hung) > 0 {
            tokio::time::sleep(TTL).await;
            assert_eq!(keys(hung), 0, "they stand for longer than the TTL of a lock");
        }
    }
}

fn keys(server: &Server) -> usize {
    server.command(&["KEYS", "*"]).expect("it answers").items().len()
}

/// Waits little, so that a thousand rounds are soon over.
fn mutex(redsync: &Redsync, name: &str) -> Mutex {
    let delay = Delay::Between(Duration::from_millis(1), Duration::from_millis(6));
    redsync.mutex(name).ttl(TTL).tries(8).retry_delay(delay).node_timeout(Duration::from_millis(200))
}

/// One worker: returns the guard, or nothing where it is done already.
async fn work(
    mutex: Mutex,
    token: LockToken,
    barrier: Arc<Barrier>,
    live: Arc<AtomicUsize>,
    at_once: bool,
) -> Result<Option<Guard>, Error> {
    barrier.wait().await;
    let guard = mutex.adopt(&token).await?;
    assert_eq!(live.fetch_add(1, Ordering::SeqCst), 0, "two have {} at once", token.name());
    assert!(guard.is_valid() && guard.value() != token.value());
    if !at_once {
        return Ok(Some(guard));
    }
    give_back(guard, &live).await;
    Ok(None)
}

/// From the moment at which the release begins the lock may be another's.
async fn give_back(guard: Guard, live: &AtomicUsize) {
    assert!(guard.is_valid());
    live.fetch_sub(1, Ordering::SeqCst);
    assert_eq!(guard.release().await.expect("a quorum answers"), Released::Held);
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, refused, delivered_again } = self;
        write!(f, "rounds {rounds:?}, refused {refused:?}, delivered again {delivered_again}")
    }
}
