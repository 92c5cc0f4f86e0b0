//! [`Lab`]: what a case works with.
#![expect(clippy::expect_used, clippy::panic, reason = "cases of tests state what they expect")]

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use redsync_core::{
    BoxFuture, Moment, Node, NodeError, NodeErrorKind, Redsync, Reply, Request, Runtime, Ttl, Value,
    wire::Command,
};

use super::Bench;
use crate::memory::MemoryNode;

/// The key of most cases.
pub(super) const KEY: &str = "report:7";
/// The key of that lock's counter.
pub(super) const COUNTER: &str = "{report:7}:fence";
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// Waits for what a server or a driver does by itself end after this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// One server, with a clock.
pub struct Lab {
    pub(super) bench: Box<dyn Bench>,
    runtime: Arc<dyn Runtime>,
    /// How many keys [`Lab::until_reachable`] has used.
    tries: AtomicUsize,
}

impl Lab {
    pub(super) fn new(bench: Box<dyn Bench>, runtime: Arc<dyn Runtime>) -> Self {
        Self { bench, runtime, tries: AtomicUsize::new(0) }
    }

    /// Locks over a new connection to the server.
    pub(super) async fn redsync(&self) -> Redsync {
        self.over(self.bench.node().await)
    }

    /// Locks over a new connection that can be troubled.
    pub(super) async fn troubled(&self) -> Redsync {
        self.over(self.bench.troubled_node().await)
    }

    pub(super) fn over(&self, node: Arc<dyn Node>) -> Redsync {
        Redsync::builder(Arc::clone(&self.runtime)).node(node).build().expect("one node")
    }

    /// Locks over the server and two nodes in memory.
    pub(super) fn among(&self, node: Arc<dyn Node>, others: &[MemoryNode; 2]) -> Redsync {
        let builder = Redsync::builder(Arc::clone(&self.runtime)).node(node);
        builder.nodes(others.iter().cloned()).build().expect("three nodes")
    }

    pub(super) fn memory_nodes(&self) -> [MemoryNode; 2] {
        [(); 2].map(|()| MemoryNode::new(Arc::clone(&self.runtime)))
    }

    /// Where the counter stands.
    pub(super) fn counter(&self) -> Option<u64> {
        self.get(COUNTER).map(|text| text.parse().expect("a number"))
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.bench.execute(&["GET", key])
    }

    pub(super) fn set(&self, key: &str, value: &str) {
        self.bench.execute(&["SET", key, value, "PX", "60000"]);
    }

    /// What is left of the TTL; zero without such a key.
    pub(super) fn ttl(&self, key: &str) -> Duration {
        let millis = self.bench.execute(&["PTTL", key]).and_then(|millis| millis.parse().ok());
        Duration::from_millis(millis.unwrap_or_default())
    }

    pub(super) fn now(&self) -> Moment {
        self.runtime.now()
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        self.runtime.sleep_until(self.runtime.now().plus(duration)).await;
    }

    /// The output of `future`, if there is one in time.
    pub(super) async fn within<F: Future>(&self, duration: Duration, future: F) -> Option<F::Output> {
        let (mut future, mut timer) = (pin!(future), pin!(self.sleep(duration)));
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    /// The output of `future`, which is certain to come.
    pub(super) async fn soon<F: Future>(&self, future: F) -> F::Output {
        self.within(PATIENCE, future).await.unwrap_or_else(|| panic!("nothing within {PATIENCE:?}"))
    }

    /// Runs a whole case, which hangs if it takes longer than a busy machine makes it.
    pub(super) async fn to_its_end(&self, case: impl Future<Output = ()>) {
        assert!(self.within(MINUTE, case).await.is_some(), "the case hangs");
    }

    /// Waits until `is_so`.
    pub(super) async fn until(&self, is_so: impl Fn() -> bool) {
        self.soon(async {
            while !is_so() {
                self.sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Calls until there is a reply, each time about a key of its own, since a call without a reply may have been
    /// executed. Meanwhile, calls fail in no other way than by the connection.
    pub(super) async fn until_reachable(&self, node: &Arc<dyn Node>) {
        self.soon(async {
            loop {
                let number = self.tries.fetch_add(1, Ordering::Relaxed);
                match node.call(set(&format!("try {number}"), "value")).await {
                    Ok(reply) => return assert_eq!(reply, ok()),
                    Err(error) => assert_lost(&error),
                }
                self.sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

/// Sends `command` about [`KEY`], with the script's text.
pub(super) fn call(node: &Arc<dyn Node>, command: &Command) -> BoxFuture<'static, Result<Reply, NodeError>> {
    node.call(command.request_with_text(&Arc::from(KEY)))
}

pub(super) fn set(key: &str, value: &str) -> Request {
    acquire(value, false).request(&Arc::from(key))
}

pub(super) fn acquire(value: &str, look: bool) -> Command {
    let ttl = Ttl::new(MINUTE).expect("a TTL that Redis can count");
    Command::Acquire { value: Value::new(value), ttl, look, proposal: None }
}

pub(super) fn release(value: &str) -> Command {
    Command::Release { value: Value::new(value), former: None, in_one: false }
}

pub(super) fn extend(value: &str) -> Command {
    let ttl = Ttl::new(MINUTE).expect("a TTL that Redis can count");
    Command::Extend { value: Value::new(value), ttl, revive: false, former: None, fence: None }
}

/// The reply to a `SET` that found no such key.
pub(super) fn ok() -> Reply {
    Reply::Text(b"OK".to_vec())
}

/// The error of a connection that is lost or missing.
pub(super) fn assert_lost(error: &NodeError) {
    let lost = [NodeErrorKind::NotSent, NodeErrorKind::Unknown];
    assert!(lost.contains(&error.kind()), "{error:?}");
    assert!(std::error::Error::source(error).is_some(), "the driver's own error: {error:?}");
}

/// A rejection with this code and the driver's own error.
pub(super) fn assert_rejected(error: &NodeError, code: &str) {
    assert_eq!((error.kind(), error.code()), (NodeErrorKind::Rejected, Some(code)), "{error:?}");
    assert!(std::error::Error::source(error).is_some(), "the driver's own error: {error:?}");
}
