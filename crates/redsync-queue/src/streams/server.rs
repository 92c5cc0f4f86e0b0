//! [`Server`]: the Redis or Valkey that a stream is at.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use redsync_core::{Moment, Node, NodeError, Reply, Request, Runtime};

/// The Redis or Valkey that a stream is at. Clones share it.
#[derive(Clone)]
pub struct Server {
    node: Arc<dyn Node>,
    runtime: Arc<dyn Runtime>,
    timeout: Duration,
}

impl Server {
    /// Reached over `node`. `runtime` is the clock to go by, such as that of the locks
    /// ([`Redsync::runtime`](redsync_core::Redsync::runtime)).
    pub fn new(node: impl Node, runtime: Arc<dyn Runtime>) -> Self {
        Self { node: Arc::new(node), runtime, timeout: Duration::from_secs(5) }
    }

    /// How long a command is waited for, after which nobody knows what became of it. By default 5 s.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    pub(super) fn over(&self, node: impl Node) -> Self {
        Self { node: Arc::new(node), ..self.clone() }
    }

    pub(super) fn now(&self) -> Moment {
        self.runtime.now()
    }

    /// Sends a command, of which the word at index `key` is the key.
    pub(super) async fn ask(&self, words: Vec<Vec<u8>>, key: usize) -> Result<Reply, NodeError> {
        self.ask_after(Duration::ZERO, words, key).await
    }

    /// The same for a command that the server is to wait with for this long.
    pub(super) async fn ask_after(
        &self,
        wait: Duration,
        words: Vec<Vec<u8>>,
        key: usize,
    ) -> Result<Reply, NodeError> {
        let reply = self.node.call(Request::command(words, key));
        let timer = self.runtime.sleep_until(self.now().plus(wait.saturating_add(self.timeout)));
        match select(reply, pin!(timer)).await {
            Either::Left((reply, _)) => reply,
            Either::Right(((), _)) => Err(NodeError::unknown("the server did not answer in time")),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("node", &self.node)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The words of a command.
pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<Vec<u8>> {
    words.map(|word| word.as_bytes().to_vec()).into()
}
