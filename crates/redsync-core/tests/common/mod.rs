//! A quorum in memory on a virtual clock, for the tests of the promises.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

pub mod counting;
pub mod link;

use std::{future::Future, time::Duration};

use redsync_core::{Guard, LockToken, Mutex, Node, Redsync, Runtime as _, wire::Script};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};

pub const NAME: &str = "report:7";
pub const TTL: Duration = Duration::from_secs(8);
/// What a token is given to wait.
pub const WAIT: Duration = Duration::from_secs(600);
/// A value that its caller has chosen.
pub const FIXED: &str = "job-1138";

pub struct Quorum {
    pub runtime: VirtualRuntime,
    pub nodes: Vec<MemoryNode>,
    pub redsync: Redsync,
}

impl Quorum {
    /// So many nodes, each of which takes 1 ms to answer.
    pub fn of(count: usize) -> Self {
        Self::build(count, |node| node)
    }

    pub fn build(count: usize, adjust: impl Fn(MemoryNode) -> MemoryNode) -> Self {
        let runtime = VirtualRuntime::new(count as u64);
        let node = |index: usize| adjust(MemoryNode::new(runtime.shared()).named(format!("memory-{index}")));
        let nodes: Vec<_> = (0..count).map(node).collect();
        nodes.iter().for_each(prepare);
        let redsync = client_of(&runtime, &nodes);
        Self { runtime, nodes, redsync }
    }

    /// Another process that uses the same nodes.
    pub fn other_process(&self) -> Redsync {
        client_of(&self.runtime, &self.nodes)
    }

    pub fn mutex(&self) -> Mutex {
        self.redsync.mutex(NAME)
    }

    /// A lock that waits to be adopted.
    pub fn handed_over(&self) -> LockToken {
        let guard = self.block_on(self.mutex().lock()).expect("free");
        self.block_on(guard.hand_over(WAIT)).expect("reachable")
    }

    /// A token that nobody has adopted in time.
    pub fn expired_token(&self) -> LockToken {
        let token = self.handed_over();
        self.run_for(WAIT + TTL);
        token
    }

    pub fn adopt(&self, token: &LockToken) -> Guard {
        self.block_on(self.redsync.adopt(token)).expect("the only one")
    }

    /// Somebody adopts the token and releases the lock.
    pub fn use_up(&self, token: &LockToken) {
        self.block_on(self.adopt(token).release()).expect("reachable");
    }

    /// Somebody takes the lock anew and hands it back, with which the token is good again.
    pub fn make_good_again(&self, token: &LockToken) {
        let guard = self.block_on(self.mutex().lock()).expect("free");
        self.block_on(guard.hand_back(token)).expect("reachable");
    }

    /// The token waits at every node.
    #[track_caller]
    pub fn assert_waits(&self, token: &LockToken) {
        assert!(self.all_hold(token.value()), "{:?}", self.values());
    }

    pub fn all_hold(&self, value: &str) -> bool {
        self.values().iter().all(|held| held.as_deref() == Some(value))
    }

    pub fn values(&self) -> Vec<Option<String>> {
        self.nodes.iter().map(|node| node.get(NAME)).collect()
    }

    pub fn keys_left(&self) -> usize {
        self.nodes.iter().map(|node| node.keys().len()).sum()
    }

    /// Lets everything in the background come to its end.
    pub fn settle(&self) {
        self.runtime.block_on(self.redsync.settled());
    }

    /// Lets the background go on for a while.
    pub fn run_for(&self, duration: Duration) {
        self.runtime.run_for(duration);
    }

    pub async fn sleep(&self, duration: Duration) {
        self.runtime.sleep_until(self.runtime.now().plus(duration)).await;
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// Somebody ends the lock at these nodes.
pub fn delete_at(nodes: &[MemoryNode]) {
    nodes.iter().for_each(|node| _ = node.execute(&["DEL", NAME]).expect("up"));
}

/// Loads the scripts, so that no call takes a round trip more than usual, and sets the time to answer.
fn prepare(node: &MemoryNode) {
    for script in [Script::ACQUIRE, Script::EXTEND, Script::REVIVE, Script::RELEASE] {
        node.execute(&["EVAL", script.text(), "1", "warm-up", "v", "1000"]).expect("a script of ours");
    }
    assert!(node.keys().is_empty(), "the last script deletes what the first one set");
    node.delay_replies(ms(1));
}

fn client_of(runtime: &VirtualRuntime, nodes: &[MemoryNode]) -> Redsync {
    client_of_nodes(runtime, nodes.iter().cloned())
}

pub fn client_of_nodes<N: Node>(runtime: &VirtualRuntime, nodes: impl IntoIterator<Item = N>) -> Redsync {
    Redsync::builder(runtime.shared()).nodes(nodes).build().expect("a valid quorum")
}

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
