//! What the chapter on testing shows: tests of code that uses locks.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

use std::{error::Error, sync::Arc, time::Duration};

use redsync_core::{ErrorKind, Guard, Loss, LostError, Node, Redsync, Runtime as _};
use redsync_testkit::{
    memory::MemoryNode,
    simulation::{
        Clock, Comeback, Event, Granted, Judge, Path, Process, Server, What, Who,
    },
    virtual_time::VirtualRuntime,
};

// ANCHOR: code
/// The code that is to be tested: it sends an invoice, of many instances one at a time.
async fn send(
    redsync: &Redsync,
    invoice: u32,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let guard = redsync.mutex(format!("invoice:{invoice}")).try_lock().await?;
    guard.keep(call_the_post_office()).await?;
    guard.release().await?;
    Ok(())
}
// ANCHOR_END: code

async fn call_the_post_office() {}

// ANCHOR: taken
#[test]
fn a_second_instance_leaves_the_invoice_alone() {
    let runtime = VirtualRuntime::new(7);
    let node = MemoryNode::new(runtime.shared());
    let redsync = Redsync::builder(runtime.shared())
        .node(node.clone())
        .build()
        .expect("one node");

    node.set("invoice:42", "of another instance", Some(Duration::from_secs(8)));
    let error =
        runtime.block_on(send(&redsync, 42)).expect_err("another instance is at it");
    let error = error.downcast::<redsync_core::Error>().expect("a lock's error");
    assert_eq!(error.kind(), ErrorKind::Taken);

    runtime.advance(Duration::from_secs(9)); // the other instance has died
    runtime.block_on(send(&redsync, 42)).expect("its lock is over");
}
// ANCHOR_END: taken

// ANCHOR: hangs
#[test]
fn work_is_stopped_before_the_lock_is_somebody_elses() {
    let runtime = VirtualRuntime::new(7);
    let node = MemoryNode::new(runtime.shared());
    let redsync = Redsync::builder(runtime.shared())
        .node(node.clone())
        .build()
        .expect("one node");

    let stopped: Result<(), LostError> = runtime.block_on(async {
        let guard = redsync.mutex("index").lock().await.expect("it is free");
        node.pause(); // the server hangs from now on, so that nothing extends the lock
        let endless = std::future::pending();
        let stopped = guard.keep(endless).await;
        assert!(guard.is_valid(), "there is still time to clean up");
        guard.leave();
        stopped
    });
    assert_eq!(stopped.expect_err("the lock cannot be kept").loss(), Loss::Expiring);
}
// ANCHOR_END: hangs

// ANCHOR: simulation
/// The code that is to be tested believes that nobody else has the lock.
async fn take(redsync: &Redsync) -> Guard {
    redsync.mutex("invoice:42").lock().await.expect("nobody else has it")
}

#[test]
fn two_servers_that_come_back_empty_are_too_many() {
    let world = VirtualRuntime::new(7);
    let clock = || Clock::new(&world, Duration::from_secs(5), 0);
    let servers: Vec<_> = (0..3).map(|index| Server::new(index, clock())).collect();
    // A process of its own, with a way of its own to each server.
    let process = || {
        let way = |server: &Server| {
            Arc::new(Path::new(&world, server.node())) as Arc<dyn Node>
        };
        let runtime = Process::new(clock()).shared();
        Redsync::builder(runtime)
            .nodes(servers.iter().map(way))
            .build()
            .expect("three nodes")
    };
    let mut judge = Judge::new(servers.clone(), 2);
    let mut tell = |task, guard: &Guard| {
        let what = What::Granted(Granted::new(task, guard));
        judge.record(Event {
            at: world.now(),
            who: Who::Caller { process: task, task },
            what,
        });
    };

    let first = world.block_on(take(&process()));
    tell(0, &first);
    for server in servers.iter().take(2) {
        server.crash(Comeback::Empty);
        server.start();
    }
    let second = world.block_on(take(&process()));
    tell(1, &second);

    let violation = judge.verdict().expect("two hold the same lock");
    assert_eq!(violation.invariant, "exclusion");
}
// ANCHOR_END: simulation
