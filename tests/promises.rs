//! The promises on real servers, some of which are stopped, killed or in another's hands.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests state what they expect"
)]

use std::{
    env,
    process::Command,
    time::{Duration, Instant},
};

use redsync_core::{ErrorKind, Redsync, Released};
use redsync_testkit::{cancel::drop_after, server::Servers};
use redsync_tests::{Driver, for_each_driver};

const NAME: &str = "report:7";

for_each_driver! {
    async a_lock_future_dropped_at_any_await_point_leaves_no_key,
    async the_loser_of_two_with_the_same_value_does_not_disturb_the_winner,
    async a_fixed_value_is_stored_exactly_and_another_process_releases_with_it,
    async two_hung_or_dead_nodes_of_five_cost_nothing,
    async hung_nodes_are_clean_when_they_go_on,
    async contenders_take_turns,
}

async fn quorum(driver: Driver, count: usize) -> (Servers, Redsync) {
    let servers = Servers::start(count).expect("a server binary");
    let redsync = driver.connect(servers.urls()).await.expect("valid URLs");
    (servers, redsync)
}

fn get(servers: &Servers, index: usize) -> Option<String> {
    let reply = servers[index].command(&["GET", NAME]).expect("it answers");
    reply.text().map(str::to_owned)
}

fn keys(servers: &Servers, index: usize) -> usize {
    servers[index].command(&["KEYS", "*"]).expect("it answers").items().len()
}

/// P2. The lock is free, or a rival holds a majority so that the acquire goes through several rounds.
async fn a_lock_future_dropped_at_any_await_point_leaves_no_key(driver: Driver) {
    for (count, paused, rivals) in
        [(1, 0, 0), (1, 0, 1), (3, 0, 0), (3, 1, 0), (3, 1, 2), (5, 2, 0), (5, 2, 3)]
    {
        let (servers, _) = quorum(driver, count).await;
        let mut points = 0;
        loop {
            let redsync = driver.connect(servers.urls()).await.expect("valid URLs");
            (0..paused).for_each(|index| servers[index].pause().expect("it runs"));
            let taken: Vec<_> = (count - rivals..count).collect();
            for &index in &taken {
                servers[index].command(&["SET", NAME, "a rival's", "PX", "60000"]).expect("it answers");
            }
            let mutex = redsync
                .mutex(NAME)
                .node_timeout(Duration::from_millis(30))
                .tries(16)
                .retry_delay(Duration::from_millis(1));
            let finished = drop_after(points, mutex.lock()).await;
            let ended = finished.is_some();
            drop(finished);
            (0..paused).for_each(|index| servers[index].resume().expect("it is stopped"));
            redsync.settled().await;
            for index in 0..count {
                assert_eq!(
                    keys(&servers, index),
                    usize::from(taken.contains(&index)),
                    "node {index} of {count}, point {points}"
                );
                servers[index].command(&["FLUSHALL"]).expect("it answers");
            }
            if ended {
                break;
            }
            points += 1;
        }
        println!("{count} nodes, {paused} paused, {rivals} taken: dropped at {points} await points");
        assert!(points >= if rivals > 0 { 20 } else { 1 }, "{points} points with {count} nodes");
    }
}

/// P3. The loser neither deletes nor shortens anything, also at nodes that do not answer it.
async fn the_loser_of_two_with_the_same_value_does_not_disturb_the_winner(driver: Driver) {
    for paused in 0..=2 {
        let (servers, winner) = quorum(driver, 3).await;
        let loser = driver.connect(servers.urls()).await.expect("valid URLs");
        let guard =
            winner.mutex(NAME).ttl(Duration::from_secs(60)).with_value("v").lock().await.expect("free");
        winner.settled().await;
        (0..paused).for_each(|index| servers[index].pause().expect("it runs"));
        let attempt = loser.mutex(NAME).with_value("v").tries(5).node_timeout(Duration::from_millis(50));
        let error = attempt.retry_delay(Duration::from_millis(5)).lock().await.expect_err("held");
        let expected = if paused < 2 { ErrorKind::HeldUnderThisValue } else { ErrorKind::Unreachable };
        assert_eq!(error.kind(), expected, "{error}");
        (0..paused).for_each(|index| servers[index].resume().expect("it is stopped"));
        loser.settled().await;
        assert!((0..3).all(|index| get(&servers, index).as_deref() == Some("v")), "{paused} did not answer");
        guard.extend().await.expect("undisturbed");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
    }
}

/// The main job. This test plays both parts: it starts itself as the worker, in a process of its own.
async fn a_fixed_value_is_stored_exactly_and_another_process_releases_with_it(driver: Driver) {
    const WORKER: &str = "REDSYNC_TEST_WORKER_URLS";
    if let Ok(urls) = env::var(WORKER) {
        let redsync = driver.connect(urls.split(' ').map(str::to_owned).collect()).await.expect("valid URLs");
        let released = redsync.mutex(NAME).with_value("x").unlock().await.expect("reachable");
        assert_eq!(released, Released::Held);
        // The release returned when a quorum had answered; the process ends when all have.
        redsync.settled().await;
        return;
    }
    let (servers, redsync) = quorum(driver, 3).await;
    let mutex = redsync.mutex(NAME).value_fn(|| Ok("generated".to_owned())).with_value("x");
    mutex.lock().await.expect("free").leave();
    redsync.settled().await;
    assert!((0..3).all(|index| get(&servers, index).as_deref() == Some("x")));
    let this = env::current_exe().expect("a path");
    let name =
        format!("{}::a_fixed_value_is_stored_exactly_and_another_process_releases_with_it", driver.module());
    let worker = Command::new(this).args(["--exact", &name]).env(WORKER, servers.urls().join(" ")).output();
    let worker = worker.expect("it starts");
    assert!(worker.status.success(), "{}", String::from_utf8_lossy(&worker.stdout));
    assert!((0..3).all(|index| get(&servers, index).is_none()));
}

/// P5. Two of five that are stopped, and two of five that are killed, against five that are well, in turns.
async fn two_hung_or_dead_nodes_of_five_cost_nothing(driver: Driver) {
    const ROUNDS: usize = 200;
    let (servers, redsync) = quorum(driver, 5).await;
    let healthy = median(&redsync, ROUNDS).await;
    (0..2).for_each(|index| servers[index].pause().expect("it runs"));
    let stopped = median(&redsync, ROUNDS).await;
    (0..2).for_each(|index| servers[index].resume().expect("it is stopped"));
    redsync.settled().await;
    let again = median(&redsync, ROUNDS).await;
    (0..2).for_each(|index| servers[index].kill());
    let killed = median(&redsync, ROUNDS).await;
    let floor = healthy.max(again);
    println!("healthy {healthy:?}, two stopped {stopped:?}, healthy {again:?}, two killed {killed:?}");
    assert!(stopped <= floor * 2, "stopped: {stopped:?} against {floor:?}");
    assert!(killed <= floor * 2, "killed: {killed:?} against {floor:?}");
}

/// The median time of lock + release, uncontended.
async fn median(redsync: &Redsync, rounds: usize) -> Duration {
    let mut times = Vec::new();
    for round in 0..rounds {
        let mutex = redsync.mutex(format!("uncontended:{round}"));
        let start = Instant::now();
        let guard = mutex.lock().await.expect("a quorum answers");
        assert_eq!(guard.release().await.expect("a quorum answers"), Released::Held);
        times.push(start.elapsed());
    }
    times.sort();
    times[rounds / 2]
}

/// Nothing is left on the stopped nodes either, once they go on.
async fn hung_nodes_are_clean_when_they_go_on(driver: Driver) {
    let (servers, redsync) = quorum(driver, 5).await;
    (0..2).for_each(|index| servers[index].pause().expect("it runs"));
    for round in 0..50 {
        let guard = redsync.mutex(format!("{NAME}:{round}")).lock().await.expect("a quorum answers");
        guard.release().await.expect("a quorum answers");
    }
    (0..2).for_each(|index| servers[index].resume().expect("it is stopped"));
    redsync.settled().await;
    assert!((0..5).all(|index| keys(&servers, index) == 0));
}

async fn contenders_take_turns(driver: Driver) {
    let (servers, _) = quorum(driver, 3).await;
    let counter = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let redsync = driver.connect(servers.urls()).await.expect("valid URLs");
        let counter = counter.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..10 {
                let mutex = redsync.mutex(NAME).tries(10_000).retry_delay(Duration::from_millis(2));
                let guard = mutex.lock().await.expect("in time");
                let seen = counter.load(std::sync::atomic::Ordering::SeqCst);
                tokio::task::yield_now().await;
                counter.store(seen + 1, std::sync::atomic::Ordering::SeqCst);
                assert!(guard.is_valid());
                guard.release().await.expect("reachable");
            }
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    assert_eq!(counter.load(std::sync::atomic::Ordering::SeqCst), 80, "no update was lost");
}
