//! [`MemoryNode`]: a Redis in memory, which does whatever a test wants to see go wrong.

mod control;
mod error;
mod execute;
mod faults;
mod held;
mod keyspace;
mod scripts;
mod server;
mod slot;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use redsync_core::{BoxFuture, Delivery, Hint, Node, NodeError, Reply, Request, Runtime};
use redsync_runtime::Watcher;

pub use self::{error::ErrorReply, faults::Loss, held::Held};
use self::{
    keyspace::{Keyspace, Millis},
    server::Server,
};

/// A Redis in memory, as far as redsync uses one, with a hand on everything that can go wrong.
///
/// It knows `SET` with `NX` and `PX`, `GET`, `DEL`, `PTTL`, `PEXPIRE`, `EVAL` and `EVALSHA`, the last two for
/// redsync's own scripts. Keys expire by the clock of the runtime that it was made with, whichever that is.
/// Clones are further handles to the same server.
///
/// ```
/// use std::time::Duration;
/// use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};
///
/// let runtime = VirtualRuntime::new(0);
/// let node = MemoryNode::new(runtime.shared()).named("first");
///
/// // Somebody else holds the lock...
/// node.set("invoice:42", "their value", Some(Duration::from_secs(8)));
/// runtime.advance(Duration::from_secs(7));
/// assert_eq!(node.ttl("invoice:42"), Some(Duration::from_secs(1)));
///
/// // ...and the server comes back empty.
/// node.wipe();
/// assert_eq!(node.get("invoice:42"), None);
/// ```
///
/// # Requests and replies
///
/// A request reaches the server with the first poll of its call, whether or not the call is polled again; a
/// call that is never polled does nothing. Without further ado it is executed and answered there and then.
/// What it meets otherwise, in this order: a stopped server, [`lose_requests`](Self::lose_requests),
/// [`delay_requests`](Self::delay_requests), a paused server, [`refuse`](Self::refuse), then
/// [`lose_replies`](Self::lose_replies) and [`delay_replies`](Self::delay_replies).
#[derive(Clone)]
pub struct MemoryNode {
    server: Arc<Server>,
    label: Cow<'static, str>,
    delivery: Delivery,
}

/// What a server held at some time, to start it from again.
#[derive(Clone)]
pub struct Snapshot(Keyspace);

impl MemoryNode {
    /// An empty server that tells the time by `runtime` and leaves delayed messages to it.
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { server: Server::new(runtime), label: Cow::Borrowed("memory"), delivery: Delivery::AtMostOnce }
    }

    /// The same server under this label, which errors and logs name.
    #[must_use]
    pub fn named(self, label: impl Into<Cow<'static, str>>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// The same server through a client that says this of its delivery.
    ///
    /// It is what the handle says; [`repeat_requests`](Self::repeat_requests) makes it come true.
    #[must_use]
    pub fn delivering(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }

    /// Executes a command at once, as another client's, whatever the state of the server and its network.
    ///
    /// # Errors
    ///
    /// The error reply of a real server, or one for an unknown command where this node does not know it.
    pub fn execute<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Reply, ErrorReply> {
        let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        self.server.with(|state| state.execute(&args))
    }

    /// The value at `key`.
    pub fn get(&self, key: &str) -> Option<String> {
        self.look(|keyspace, now| {
            Some(String::from_utf8_lossy(keyspace.get(key.as_bytes(), now).ok()??).into_owned())
        })
    }

    /// Sets `key`, for `ttl` in whole milliseconds or for good.
    pub fn set(&self, key: &str, value: &str, ttl: Option<Duration>) {
        self.server.with(|state| {
            let millis = |ttl: Duration| Millis::try_from(ttl.as_millis()).unwrap_or(Millis::MAX);
            let expires = ttl.map(|ttl| state.now().saturating_add(millis(ttl)));
            state.keyspace.set(key.as_bytes(), value.as_bytes(), expires);
        });
    }

    /// Puts something that is no string at `key`, for good.
    pub fn set_list(&self, key: &str) {
        self.server.with(|state| state.keyspace.set_list(key.as_bytes()));
    }

    /// The keys in their order.
    pub fn keys(&self) -> Vec<String> {
        self.look(|keyspace, now| {
            keyspace.keys(now).map(|key| String::from_utf8_lossy(key).into_owned()).collect()
        })
    }

    /// How long `key` still stands, in whole milliseconds; `None` when it is missing or never expires.
    ///
    /// Zero is possible: as on a real server, a key is still there in the very millisecond of its expiry.
    pub fn ttl(&self, key: &str) -> Option<Duration> {
        let left = self.look(|keyspace, now| execute::pttl(keyspace, key.as_bytes(), now));
        u64::try_from(left).ok().map(Duration::from_millis)
    }

    /// What the server holds now, for [`restore`](Self::restore).
    pub fn snapshot(&self) -> Snapshot {
        self.look(|keyspace, _| Snapshot(keyspace.clone()))
    }

    fn look<T>(&self, look: impl FnOnce(&Keyspace, Millis) -> T) -> T {
        self.server.with(|state| look(&state.keyspace, state.now()))
    }
}

impl Node for MemoryNode {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        let server = Arc::clone(&self.server);
        Box::pin(async move {
            let answer = server.with(|state| state.hand_over(request));
            let outcome = answer.await;
            linger(server.with(|state| state.faults.extra_polls)).await;
            outcome
        })
    }

    /// As a real server tells it to its clients: after the delay of its replies.
    fn watch(&self, key: Arc<str>) -> Option<BoxFuture<'static, Result<Hint, NodeError>>> {
        let (tracked, runtime) = (Arc::clone(&self.server.tracked), Arc::clone(self.server.runtime()));
        Some(Watcher::over(Arc::new(self.clone()), tracked, runtime).watch(key))
    }

    fn label(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.label)
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl fmt::Debug for MemoryNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNode")
            .field("label", &self.label)
            .field("keys", &self.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Snapshot {
    /// Without the values, which are capabilities.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

/// Is pending for this many polls, each of which asks for the next.
async fn linger(mut polls: usize) {
    poll_fn(|cx| {
        if polls == 0 {
            return Poll::Ready(());
        }
        polls -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
