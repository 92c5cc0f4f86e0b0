//! What the chapter on options shows does what it says.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

mod common;

use std::{cell::Cell, time::Duration};

use common::three_nodes;
use redsync_redis_rs::{
    BoxFuture, Delay, Error, ErrorKind, InvalidOption, Mutex, Node, NodeError, Redsync,
    Reply, Request,
};
use redsync_testkit::memory::MemoryNode;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

// ANCHOR: cron
/// Every instance calls it at the full hour, and one of them does it.
async fn at_the_full_hour(redsync: &Redsync) -> Result<(), Error> {
    let mutex = redsync.mutex("cron:clean-up").ttl(Duration::from_secs(300));
    // Of those who ask at the same moment nobody may have a majority: they ask again.
    match mutex.tries(5).lock().await {
        Ok(guard) => {
            clean_up().await;
            // Not released: who is late by its clock is to find it taken.
            guard.leave();
            Ok(())
        }
        // Another instance does it.
        Err(error) if error.kind() == ErrorKind::Taken => Ok(()),
        Err(error) => Err(error),
    }
}
// ANCHOR_END: cron

thread_local! {
    /// How often, in this test.
    static CLEANED_UP: Cell<usize> = const { Cell::new(0) };
}

async fn clean_up() {
    CLEANED_UP.set(CLEANED_UP.get() + 1);
}

#[tokio::test]
async fn of_many_instances_one_runs_the_job() {
    let (redsync, nodes) = three_nodes();
    for _ in 0..5 {
        at_the_full_hour(&redsync).await.expect("the nodes answer");
    }
    assert_eq!(CLEANED_UP.get(), 1);
    redsync.settled().await;
    assert!(
        nodes
            .iter()
            .all(|node| node.ttl("cron:clean-up") > Some(Duration::from_secs(290)))
    );
}

/// Each of three instances is the first at one node, and so none of them has a majority.
#[tokio::test]
async fn of_instances_that_share_the_nodes_one_runs_the_job() {
    let (redsync, nodes) = three_nodes();
    let instance = |near: usize| {
        let away =
            |(index, node): (usize, &MemoryNode)| Away(node.clone(), index != near);
        let nodes = nodes.iter().enumerate().map(away);
        let builder = Redsync::builder(redsync.runtime().clone()).nodes(nodes);
        builder.build().expect("three nodes")
    };
    let [first, second, third] = [0, 1, 2].map(instance);
    let (first, second, third) = tokio::join!(
        at_the_full_hour(&first),
        at_the_full_hour(&second),
        at_the_full_hour(&third)
    );
    first.and(second).and(third).expect("the nodes answer");
    assert_eq!(CLEANED_UP.get(), 1);
}

/// A node that may be 2 ms away.
struct Away(MemoryNode, bool);

impl Node for Away {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        let (node, is_away) = (self.0.clone(), self.1);
        Box::pin(async move {
            if is_away {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            node.call(request).await
        })
    }
}

// ANCHOR: long
/// Takes hours, and does not go on where it has lost the lock.
async fn rebuild_index(redsync: &Redsync) -> Result<u32, BoxError> {
    let mutex = redsync
        .mutex("index")
        .ttl(Duration::from_secs(30))
        .max_hold(Duration::from_secs(6 * 3600));
    let guard = mutex.lock().await?;
    let documents = guard.keep(rebuild()).await?; // extended every ten seconds
    guard.release().await?;
    Ok(documents)
}
// ANCHOR_END: long

async fn rebuild() -> u32 {
    1138
}

#[tokio::test]
async fn long_work_returns_its_result() {
    let (redsync, _nodes) = three_nodes();
    assert_eq!(rebuild_index(&redsync).await.expect("the lock is kept"), 1138);
}

// ANCHOR: patient
/// Waits for up to two seconds, however many tries that takes.
async fn patiently(redsync: &Redsync) -> Result<redsync_redis_rs::Guard, Error> {
    let mutex =
        redsync.mutex("invoice:42").tries(u32::MAX).deadline(Duration::from_secs(2));
    mutex.lock().await
}
// ANCHOR_END: patient

#[tokio::test]
async fn a_deadline_ends_the_waiting() {
    let (redsync, _nodes) = three_nodes();
    let held = patiently(&redsync).await.expect("it is free");
    let error = patiently(&redsync).await.expect_err("it is held");
    assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
    drop(held);
}

// ANCHOR: check
/// One set of options for all invoices, looked at when the service starts.
fn invoices(redsync: &Redsync) -> Result<Mutex, InvalidOption> {
    let mutex = redsync
        .mutex("invoice")
        .ttl(Duration::from_secs(10))
        .node_timeout(Duration::from_millis(200))
        .retry_delay(Delay::Backoff {
            first: Duration::from_millis(20),
            limit: Duration::from_secs(1),
        });
    mutex.check()?;
    Ok(mutex)
}
// ANCHOR_END: check

#[tokio::test]
async fn options_are_checked_before_anything_is_sent() {
    let (redsync, nodes) = three_nodes();
    let mutex = invoices(&redsync).expect("they make sense");
    let error = mutex
        .ttl(Duration::from_millis(100))
        .check()
        .expect_err("less than the node time-out");
    assert!(matches!(error, InvalidOption::TtlTooShort { .. }), "{error}");
    assert!(nodes.iter().all(|node| node.calls().is_empty()));
}
