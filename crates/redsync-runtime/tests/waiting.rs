//! Calls of several processes that wait for the same locks on threads that run at once. Nobody polls: a wake-up that is
//! lost is a call that never ends.
#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests state what they expect")]

use std::{sync::Arc, time::Duration};

use redsync_core::Redsync;
use redsync_runtime::TokioRuntime;
use redsync_testkit::memory::MemoryNode;

/// Nobody who polls has the lock before this is over.
const NEVER: Duration = Duration::from_secs(3600);
const PROCESSES: usize = 3;
const CALLS: usize = 8;
const TURNS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost_among_threads() {
    for nodes in [1, 3] {
        let runtime = Arc::new(TokioRuntime::current().unwrap());
        let nodes: Vec<_> = (0..nodes).map(|_| MemoryNode::new(runtime.clone())).collect();
        let process = || Redsync::builder(runtime.clone()).nodes(nodes.clone()).build().unwrap();
        let processes: Vec<_> = (0..PROCESSES).map(|_| process()).collect();
        let all =
            processes.iter().flat_map(|process| (0..CALLS).map(|call| take_turns(process.clone(), call)));
        let tasks: Vec<_> = all.map(tokio::spawn).collect();
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(60), task)
                .await
                .expect("nobody waits for ever")
                .unwrap();
        }
        for process in processes {
            process.settled().await;
        }
        assert!(nodes.iter().all(|node| node.keys().is_empty()));
    }
}

/// Each call ends its turns in another way, and some of its calls on their way.
async fn take_turns(redsync: Redsync, call: usize) {
    let mut releases = Vec::new();
    for turn in 0..TURNS {
        let mutex = redsync.mutex(format!("report:{}", turn % 2)).retry_delay(NEVER);
        if (turn + call).is_multiple_of(5) {
            let impatient = Duration::from_micros(u64::try_from(100 * call).unwrap());
            drop(tokio::time::timeout(impatient, mutex.lock()).await);
        }
        let guard = mutex.lock().await.unwrap();
        tokio::task::yield_now().await;
        match call % 3 {
            0 => drop(guard.release().await.unwrap()),
            1 => drop(guard),
            _ => releases.push(tokio::spawn(guard.release())),
        }
    }
    for release in releases {
        release.await.unwrap().unwrap();
    }
}
