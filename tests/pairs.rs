//! One driver takes the lock; the same or another one contends for it, extends and releases it.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

use std::{sync::Arc, time::Duration};

use redsync_core::{ErrorKind, Redsync, Released};
use redsync_redis_rs::runtime::TokioRuntime;
use redsync_testkit::server::Servers;
use redsync_tests::Driver;

const NAME: &str = "report:7";
const TTL: Duration = Duration::from_secs(60);

async fn both(one: Driver, other: Driver, count: usize) -> (Servers, Redsync, Redsync) {
    let servers = Servers::start(count).expect("a server binary");
    let one = one.connect(servers.urls()).await.expect("valid URLs");
    let other = other.connect(servers.urls()).await.expect("valid URLs");
    (servers, one, other)
}

fn stands(servers: &Servers) -> Vec<Option<String>> {
    let get = |server: usize| servers[server].command(&["GET", NAME]).expect("it answers");
    (0..servers.len()).map(|server| get(server).text().map(str::to_owned)).collect()
}

#[tokio::test]
async fn what_one_driver_holds_the_other_is_refused_until_it_is_released() {
    for (one, other) in Driver::pairs() {
        let (servers, holder, rival) = both(one, other, 3).await;
        let guard = holder.mutex(NAME).ttl(TTL).lock().await.expect("free");
        let error = rival.mutex(NAME).try_lock().await.expect_err("held");
        assert_eq!(error.kind(), ErrorKind::Taken, "{one:?} and {other:?}: {error}");
        guard.extend().await.expect("held");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{one:?} and {other:?}");
        holder.settled().await;
        rival.mutex(NAME).try_lock().await.expect("free").leave();
        rival.settled().await;
        assert!(stands(&servers).iter().all(Option::is_some), "{one:?} and {other:?}");
    }
}

#[tokio::test]
async fn one_driver_locks_with_a_value_and_the_other_releases_with_it() {
    let value = "job-1138 \u{1F512} \"quoted\"\r\n\0";
    for (one, other) in Driver::pairs() {
        let (servers, handler, worker) = both(one, other, 3).await;
        handler.mutex(NAME).ttl(TTL).with_value(value).lock().await.expect("free").leave();
        handler.settled().await;
        assert_eq!(stands(&servers), vec![Some(value.to_owned()); 3], "{one:?} and {other:?}");
        let released = worker.mutex(NAME).with_value(value).unlock().await.expect("reachable");
        assert_eq!(released, Released::Held, "{one:?} and {other:?}");
        worker.settled().await;
        assert_eq!(stands(&servers), vec![None; 3], "{one:?} and {other:?}");
    }
}

/// A token is adopted by either driver, handed on by it, and given back to by the other.
#[tokio::test]
async fn one_driver_hands_a_lock_over_and_the_other_adopts_and_releases_it() {
    for (one, other) in Driver::pairs() {
        let (servers, handler, worker) = both(one, other, 3).await;
        let guard = handler.mutex(NAME).ttl(TTL).fenced().lock().await.expect("free");
        let fences = [guard.fence()];
        let token = guard.hand_over(TTL).await.expect("reachable");
        assert_eq!(stands(&servers), vec![Some(token.value().to_owned()); 3], "{one:?} and {other:?}");

        let guard = worker.adopt(&token).await.expect("the only one");
        let error = handler.adopt(&token).await.expect_err("adopted");
        assert_eq!(error.kind(), ErrorKind::AlreadyAdopted, "{one:?} and {other:?}: {error}");
        let fences = [fences[0], guard.fence()];
        guard.hand_back(&token).await.expect("reachable");
        let guard = handler.adopt(&token).await.expect("good again");
        let fences = [fences[0], fences[1], guard.fence()];
        let second = guard.hand_over(TTL).await.expect("reachable");
        assert_eq!(worker.adopt(&token).await.expect_err("gone on").kind(), ErrorKind::AlreadyAdopted);

        let guard = worker.adopt(&second).await.expect("the only one");
        assert!(fences.is_sorted() && guard.fence() > fences[2] && fences[0].is_some(), "{fences:?}");
        guard.extend().await.expect("held");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{one:?} and {other:?}");
        worker.settled().await;
        handler.settled().await;
        assert_eq!(stands(&servers), vec![None; 3], "{one:?} and {other:?}");
    }
}

#[tokio::test]
async fn a_quorum_may_mix_drivers() {
    let servers = Servers::start(5).expect("a server binary");
    let mixed = || {
        let drivers = Driver::ALL.into_iter().cycle();
        let nodes = servers.urls().into_iter().zip(drivers);
        let nodes = nodes.map(|(url, driver)| driver.open(&url).expect("a valid URL"));
        let runtime = Arc::new(TokioRuntime::current().expect("the test's own"));
        Redsync::builder(runtime).nodes(nodes).build().expect("five nodes")
    };
    let (holder, rival) = (mixed(), mixed());
    // A node of each driver hangs.
    (0..2).for_each(|index| servers[index].pause().expect("it runs"));
    let guard = holder.mutex(NAME).ttl(TTL).lock().await.expect("three of five are well");
    assert_eq!(rival.mutex(NAME).try_lock().await.expect_err("held").kind(), ErrorKind::Taken);
    guard.extend().await.expect("held");
    assert_eq!(guard.release().await.expect("three of five are well"), Released::Held);
    (0..2).for_each(|index| servers[index].resume().expect("it is stopped"));
    holder.settled().await;
    rival.settled().await;
    assert_eq!(stands(&servers), vec![None; 5]);
}

#[tokio::test]
async fn contenders_over_different_drivers_take_turns() {
    const ROUNDS: usize = 20;
    let servers = Servers::start(3).expect("a server binary");
    let busy = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for driver in Driver::ALL.into_iter().cycle().take(6) {
        let redsync = driver.connect(servers.urls()).await.expect("valid URLs");
        let busy = Arc::clone(&busy);
        tasks.push(tokio::spawn(async move {
            for _ in 0..ROUNDS {
                let mutex = redsync.mutex(NAME).tries(10_000).retry_delay(Duration::from_millis(2));
                let guard = mutex.lock().await.expect("in time");
                assert_eq!(busy.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0, "{driver:?}");
                tokio::task::yield_now().await;
                assert_eq!(busy.fetch_sub(1, std::sync::atomic::Ordering::SeqCst), 1, "{driver:?}");
                assert!(guard.is_valid());
                assert_eq!(guard.release().await.expect("reachable"), Released::Held);
            }
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
}
