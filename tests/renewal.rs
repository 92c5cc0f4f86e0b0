//! Many locks that are held on real servers, and extended meanwhile.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests state what they expect")]

use std::{env, time::Duration};

use futures_util::{
    StreamExt,
    future::{Either, join_all, select, try_join_all},
    stream::FuturesUnordered,
};
use redsync_core::{Guard, Redsync, Released};
use redsync_testkit::server::Servers;
use redsync_tests::{Driver, for_each_driver};

const LOCKS: usize = 1_000;
const TTL: Duration = Duration::from_secs(3);
/// How many seconds the locks are held, instead of 20.
const SECONDS: &str = "REDSYNC_HOLD_SECONDS";

for_each_driver! {
    async a_thousand_locks_are_held_and_none_is_lost,
}

/// Half of them by themselves, and half by the work that goes on under them.
async fn a_thousand_locks_are_held_and_none_is_lost(driver: Driver) {
    let seconds = env::var(SECONDS).map_or(20, |text| text.parse().expect("a number of seconds"));
    let servers = Servers::start(3).expect("a server binary");
    let redsync = driver.connect(servers.urls()).await.expect("valid URLs");
    let guards = lock_all(&redsync).await;
    let (by_themselves, at_work) = guards.split_at(LOCKS / 2);

    let mut lost: FuturesUnordered<_> = by_themselves.iter().map(Guard::lost).collect();
    let work = || tokio::time::sleep(Duration::from_secs(seconds));
    let kept = join_all(at_work.iter().map(|guard| guard.keep(work())));
    let kept = match select(Box::pin(kept), lost.next()).await {
        Either::Left((kept, _)) => kept,
        Either::Right((loss, _)) => panic!("one is lost: {loss:?}"),
    };
    assert!(kept.iter().all(Result::is_ok), "{:?}", kept.iter().find(|kept| kept.is_err()));
    drop(lost);

    let least = guards.iter().map(Guard::valid_for).min().unwrap_or_default();
    println!("{LOCKS} locks of {TTL:?} were held for {seconds} s; the least that is left is {least:?}");
    assert!(!least.is_zero());
    let released = try_join_all(guards.into_iter().map(Guard::release)).await.expect("reachable");
    assert!(released.into_iter().all(|released| released == Released::Held));
    redsync.settled().await;
}

async fn lock_all(redsync: &Redsync) -> Vec<Guard> {
    let lock = |index: usize| {
        let mutex = redsync.mutex(format!("held:{index}")).ttl(TTL).auto_extend(index < LOCKS / 2);
        async move { mutex.lock().await.expect("free") }
    };
    join_all((0..LOCKS).map(lock)).await
}
