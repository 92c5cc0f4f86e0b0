//! Seeded attacks on the whole: rivals, lost and late messages, stalled nodes, dropped calls.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::{
    sync::{Arc, Mutex as StdMutex},
    time::Duration,
};

use common::{NAME, ms};
use redsync_core::{Guard, Mutex, Redsync, Runtime};
use redsync_testkit::cancel::drop_after;
use redsync_testkit::{
    memory::{Loss, MemoryNode},
    virtual_time::VirtualRuntime,
};

const TTL: Duration = Duration::from_millis(2000);
const SEEDS: u64 = 400;

/// What all clients of one run share.
#[derive(Clone)]
struct Arena {
    runtime: VirtualRuntime,
    nodes: Vec<MemoryNode>,
    guards: Arc<StdMutex<Vec<Arc<Guard>>>>,
    seed: u64,
}

impl Arena {
    fn new(seed: u64) -> Self {
        let runtime = VirtualRuntime::new(seed);
        let count = [1, 3, 3, 5][(seed % 4) as usize];
        let nodes: Vec<_> = (0..count).map(|_| MemoryNode::new(runtime.shared())).collect();
        nodes.iter().for_each(|node| node.jitter(ms(runtime.random() % 30)));
        Self { runtime, nodes, guards: Arc::default(), seed }
    }

    fn client(&self) -> Redsync {
        Redsync::builder(self.runtime.shared()).nodes(self.nodes.iter().cloned()).build().expect("a quorum")
    }

    fn pick(&self, below: u64) -> u64 {
        self.runtime.random() % below
    }

    async fn pause(&self, most: u64) {
        let at = self.runtime.now().plus(ms(self.pick(most)));
        self.runtime.sleep_until(at).await;
    }

    fn check(&self) {
        let valid = self.guards.lock().expect("no panic").iter().filter(|guard| guard.is_valid()).count();
        assert!(valid <= 1, "seed {}: {valid} valid guards at {:?}", self.seed, self.runtime.now());
    }

    /// A mutex with options by chance; the fixed value is everybody's.
    fn mutex(&self, redsync: &Redsync) -> Mutex {
        let mutex =
            redsync.mutex(NAME).ttl(TTL).tries(1 + self.pick(4) as u32).retry_delay(ms(self.pick(40)));
        let mutex = mutex.revive_on_extend(self.pick(3) == 0).wait_for_all(self.pick(4) == 0);
        match self.pick(4) {
            0 => mutex,
            1 => mutex.label("label"),
            2 => mutex.with_value("everybody's"),
            _ => mutex.value_fn(|| Ok("everybody's".to_owned())),
        }
    }

    async fn client_life(self, redsync: Redsync) {
        for _ in 0..12 {
            let mutex = self.mutex(&redsync);
            let polls = if self.pick(4) == 0 { self.pick(12) as usize } else { usize::MAX };
            if let Some(Ok(guard)) = drop_after(polls, mutex.lock()).await {
                self.hold(guard).await;
            }
            self.pause(200).await;
        }
    }

    async fn hold(&self, guard: Guard) {
        let guard = Arc::new(guard);
        self.guards.lock().expect("no panic").push(Arc::clone(&guard));
        for _ in 0..self.pick(4) {
            self.check();
            self.pause(1200).await;
            if self.pick(2) == 0 {
                drop_after(if self.pick(4) == 0 { 1 } else { usize::MAX }, guard.extend()).await;
            }
        }
        self.check();
        self.guards.lock().expect("no panic").retain(|other| !Arc::ptr_eq(other, &guard));
        let guard = Arc::into_inner(guard).expect("the only one left");
        match self.pick(3) {
            0 => drop(guard),
            1 => guard.leave(),
            _ => drop(guard.release().await),
        }
    }

    async fn trouble(self) {
        for _ in 0..40 {
            self.pause(250).await;
            self.check();
            let node = &self.nodes[self.pick(self.nodes.len() as u64) as usize];
            match self.pick(8) {
                0 => node.pause(),
                1 | 2 => node.resume(),
                3 => node.stop(),
                4 | 5 => {
                    node.start();
                    node.resume();
                }
                6 => node.lose_replies([Loss::Broken, Loss::Silent, Loss::Never][self.pick(3) as usize]),
                _ => {
                    node.lose_replies(Loss::Never);
                    node.lose_requests([Loss::Broken, Loss::Silent, Loss::Never][self.pick(3) as usize]);
                }
            }
        }
    }

    fn heal(&self) {
        for node in &self.nodes {
            node.lose_requests(Loss::Never);
            node.lose_replies(Loss::Never);
            node.start();
            node.resume();
        }
    }
}

#[test]
fn no_two_guards_are_valid_and_nothing_is_left() {
    for seed in 0..SEEDS {
        let arena = Arena::new(seed);
        let clients: Vec<_> = (0..3).map(|_| arena.client()).collect();
        let lives = clients.iter().map(|client| arena.clone().client_life(client.clone()));
        let everything =
            futures_util::future::join(futures_util::future::join_all(lives), arena.clone().trouble());
        arena.runtime.block_on(everything);
        arena.heal();
        clients.iter().for_each(|client| arena.runtime.block_on(client.settled()));
        arena.runtime.run_for(TTL + ms(100));
        let left: Vec<_> = arena.nodes.iter().flat_map(MemoryNode::keys).collect();
        assert!(left.is_empty(), "seed {seed}: {left:?}");
        assert_eq!(arena.runtime.tasks_alive(), 0, "seed {seed}");
        arena.runtime.drop_tasks();
    }
}
