//! Many locks that are held on real servers, and extended meanwhile.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests state what they expect")]

use std::{env, pin::pin, time::Duration};

use futures_util::future::{Either, join_all, select, try_join_all};
use redsync_core::{Guard, Redsync, Released};
use redsync_testkit::server::Servers;
use redsync_tests::{Driver, for_each_driver};
use tokio::sync::{Barrier, Mutex, Semaphore};

const LOCKS: usize = 1_000;
const TTL: Duration = Duration::from_secs(3);
/// Two drivers at once would be 2,000 locks.
static ALONE: Mutex<()> = Mutex::const_new(());
/// How many seconds the locks are held, instead of 20.
const SECONDS: &str = "REDSYNC_HOLD_SECONDS";

for_each_driver! {
    async a_thousand_locks_are_held_and_none_is_lost,
}

/// Half of them by themselves, and half by the work that goes on under them.
async fn a_thousand_locks_are_held_and_none_is_lost(driver: Driver) {
    let seconds = env::var(SECONDS).map_or(20, |text| text.parse().expect("a number of seconds"));
    let _alone = ALONE.lock().await;
    let servers = Servers::start(3).expect("a server binary");
    let redsync = driver.connect(servers.urls()).await.expect("valid URLs");
    // To take all at once would ask a machine for how quick it is.
    let turns = Semaphore::new(50);
    let all_are_held = Barrier::new(LOCKS);
    let work = || async {
        all_are_held.wait().await;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    };
    let guards = join_all((0..LOCKS).map(|index| hold(&redsync, &turns, index, work()))).await;

    let least = guards.iter().map(Guard::valid_for).min().unwrap_or_default();
    println!("{LOCKS} locks of {TTL:?} were held for {seconds} s; the least that is left is {least:?}");
    assert!(!least.is_zero());
    let released = try_join_all(guards.into_iter().map(Guard::release)).await.expect("reachable");
    assert!(released.into_iter().all(|released| released == Released::Held));
    redsync.settled().await;
}

/// Takes a lock when it is its turn, and holds it until `work` is done: every other one by itself.
async fn hold(redsync: &Redsync, turns: &Semaphore, index: usize, work: impl Future<Output = ()>) -> Guard {
    let by_itself = index.is_multiple_of(2);
    let mutex = redsync.mutex(format!("held:{index}")).ttl(TTL).auto_extend(by_itself);
    let turn = turns.acquire().await.expect("never closed");
    let guard = mutex.lock().await.expect("free");
    drop(turn);
    if by_itself {
        if let Either::Left((loss, _)) = select(pin!(guard.lost()), pin!(work)).await {
            panic!("one is lost: {loss:?}");
        }
    } else {
        guard.keep(work).await.expect("not lost");
    }
    guard
}
