//! What the chapter for those who come from another library shows does what it says.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

mod common;

use std::time::Duration;

use common::three_nodes;
use redsync_redis_rs::{Error, ErrorKind, Guard, Redsync, Released};

// ANCHOR: resume
/// A worker in Rust carries on a lock that a service in Go has taken.
async fn carry_on(
    redsync: &Redsync,
    name: &str,
    value: &str,
) -> Result<Released, Error> {
    let lock = redsync.mutex(name).ttl(Duration::from_secs(60)).resume(value);
    lock.extend().await?; // fails with `Lost` where the lock is over
    work().await;
    lock.release().await
}
// ANCHOR_END: resume

async fn work() {}

#[tokio::test]
async fn a_lock_of_gos_is_carried_on() {
    let (redsync, nodes) = three_nodes();
    let value = "q5b1Zt7wB0G3mX9aN4cKdw==";
    nodes
        .iter()
        .for_each(|node| node.set("report:7", value, Some(Duration::from_secs(8))));
    assert_eq!(
        carry_on(&redsync, "report:7", value).await.expect("it is held"),
        Released::Held
    );
}

// ANCHOR: lease
/// As Redisson's `tryLock(100, 10, TimeUnit.SECONDS)`: waits for up to 100 s, and has the
/// lock for 10 s.
async fn try_lock(redsync: &Redsync) -> Result<Option<Guard>, Error> {
    let mutex = redsync.mutex("myLock").ttl(Duration::from_secs(10));
    match mutex.tries(u32::MAX).deadline(Duration::from_secs(100)).lock().await {
        Ok(guard) => Ok(Some(guard)),
        Err(error) if error.kind() == ErrorKind::Taken => Ok(None),
        Err(error) => Err(error),
    }
}
// ANCHOR_END: lease

// ANCHOR: watchdog
/// As Redisson's `lock()`, which its watchdog keeps up: for as long as the guard lives.
async fn lock(redsync: &Redsync) -> Result<Guard, Error> {
    redsync.mutex("myLock").ttl(Duration::from_secs(30)).auto_extend(true).lock().await
}
// ANCHOR_END: watchdog

#[tokio::test]
async fn locks_are_had_as_in_redisson() {
    let (redsync, _nodes) = three_nodes();
    let leased =
        try_lock(&redsync).await.expect("the nodes answer").expect("it is free");
    assert!(leased.valid_for() > Duration::from_secs(9));
    leased.release().await.expect("the nodes answer");
    let watched = lock(&redsync).await.expect("it is free");
    assert!(watched.valid_for() > Duration::from_secs(29));
    watched.release().await.expect("the nodes answer");
}

// ANCHOR: rslock
/// As rslock's `acquire`, `extend` and `release`.
async fn one_after_the_other(redsync: &Redsync) -> Result<(), Error> {
    let guard =
        redsync.mutex("mutex").ttl(Duration::from_secs(10)).tries(3).lock().await?;
    guard.extend().await?; // by the TTL; the lock is kept where it fails
    guard.release().await?;
    Ok(())
}
// ANCHOR_END: rslock

#[tokio::test]
async fn locks_are_had_as_in_rslock() {
    let (redsync, nodes) = three_nodes();
    one_after_the_other(&redsync).await.expect("the nodes answer");
    redsync.settled().await;
    assert!(nodes.iter().all(|node| node.keys().is_empty()));
}
