//! [`Link`]: a connection of our own, made when it is needed and replaced when it breaks.
//!
//! The `redis` crate's `ConnectionManager` reports a failed connect with the same error as a lost reply,
//! and makes commands wait for up to six tries; a lock must know which of the two it was, and at once.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_channel::oneshot;
use futures_util::{FutureExt, future::Shared};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::MultiplexedConnection,
};
use redsync_core::{Moment, NodeError, Runtime};
use redsync_runtime::Backlog;

use crate::{connection::Transport, convert::node_error};

/// How long a try to connect may take, the handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long calls fail at once after a failed try. A refused connection fails within microseconds, and
/// without a pause every waiting lock would try in turn; up to the longest pause, a node that came back
/// goes unused.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After how long without a reply a connection is looked at before it is used.
const IDLE: Duration = Duration::from_millis(500);

/// One connection to one server, shared by all calls.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    label: String,
    source: Source,
    runtime: Arc<dyn Runtime>,
    state: Mutex<State>,
}

/// Where connections come from.
pub(crate) enum Source {
    Client(Client),
    /// The lock is never contended, since there is one try at a time.
    #[cfg(feature = "sentinel")]
    Sentinel(futures_util::lock::Mutex<redis::sentinel::SentinelClient>),
}

/// A try to connect that all calls wait for, and then the connection that came of it. It is cancelled when
/// the runtime that it ran on was shut down.
pub(crate) type Attempt = Shared<oneshot::Receiver<RedisResult<MultiplexedConnection>>>;

#[derive(Default)]
struct State {
    attempt: Option<Attempt>,
    failures: u32,
    /// Set while the last try is a failed one.
    retry_at: Option<Moment>,
    /// When the last reply came, or the connection was made.
    heard_at: Moment,
}

impl Link {
    pub(crate) fn new(label: String, source: Source, runtime: Arc<dyn Runtime>) -> Self {
        Self(Arc::new(Inner { label, source, runtime, state: Mutex::default() }))
    }

    pub(crate) fn label(&self) -> &str {
        &self.0.label
    }

    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }

    /// The current try to connect, or a new one where there is none or it is time for another.
    pub(crate) fn attempt(&self) -> Attempt {
        let mut state = self.state();
        let due = state.retry_at.is_some_and(|at| at <= self.0.runtime.now());
        match &state.attempt {
            Some(attempt) if !due => attempt.clone(),
            Some(_) | None => {
                let attempt = self.start();
                (state.retry_at, state.attempt) = (None, Some(attempt.clone()));
                attempt
            }
        }
    }

    /// Connects in a task of its own: a caller may be outside of any runtime, or go away.
    fn start(&self) -> Attempt {
        let (send, receive) = oneshot::channel();
        let link = self.clone();
        self.0.runtime.spawn(Box::pin(async move {
            let result = link.0.source.connect().await;
            link.note(&result);
            // Nobody may be waiting any more.
            let _ = send.send(result);
        }));
        receive.shared()
    }

    fn note(&self, result: &RedisResult<MultiplexedConnection>) {
        let mut state = self.state();
        match result {
            Ok(_) => (state.failures, state.heard_at) = (0, self.0.runtime.now()),
            Err(error) => {
                let pause = PAUSE.saturating_mul(1 << state.failures.min(5)).min(LONGEST_PAUSE);
                state.retry_at = Some(self.0.runtime.now().plus(pause));
                state.failures = state.failures.saturating_add(1);
                tracing::warn!(node = self.0.label, %error, tries = state.failures, "cannot connect");
            }
        }
    }

    /// The connection, and the try that it came of.
    ///
    /// Servers and routers close idle connections. A request on such a one is lost, and nobody could tell that
    /// it was not sent, so one that was idle is looked at first.
    async fn connection(&self) -> Result<(Attempt, MultiplexedConnection), NodeError> {
        let (attempt, connection) = self.join(self.attempt()).await?;
        let idle = self.0.runtime.now().since(self.state().heard_at);
        if idle < IDLE || !is_closed(&connection) {
            return Ok((attempt, connection));
        }
        self.discard(&attempt);
        self.join(self.attempt()).await
    }

    async fn join(&self, attempt: Attempt) -> Result<(Attempt, MultiplexedConnection), NodeError> {
        match attempt.clone().await {
            Ok(Ok(connection)) => Ok((attempt, connection)),
            Ok(Err(error)) => Err(NodeError::not_sent(error)),
            Err(oneshot::Canceled) => {
                self.discard(&attempt);
                Err(NodeError::not_sent("the task that connects panicked, or its runtime was shut down"))
            }
        }
    }

    /// Makes the next call connect anew, unless another call saw to that already.
    fn discard(&self, attempt: &Attempt) {
        let mut state = self.state();
        if state.attempt.as_ref().is_some_and(|current| current.ptr_eq(attempt)) {
            state.attempt = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Link {
    async fn send(self, command: Cmd) -> Result<Value, NodeError> {
        let (attempt, mut connection) = self.connection().await?;
        let answer = connection.send_packed_command(&command).await.and_then(Value::extract_error);
        self.state().heard_at = self.0.runtime.now();
        if answer.as_ref().is_err_and(is_broken) {
            self.discard(&attempt);
        }
        answer.map_err(node_error)
    }
}

impl Source {
    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = config();
        match self {
            Self::Client(client) => client.get_multiplexed_async_connection_with_config(&config).await,
            #[cfg(feature = "sentinel")]
            Self::Sentinel(client) => client.lock().await.get_async_connection_with_config(&config).await,
        }
    }
}

/// No time-out for replies: the locks have deadlines of their own, still want late replies, and a request
/// that timed out in the queue would never be sent. No call waits for space in the queue either.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(Backlog::LIMIT)
}

/// Whether the connection is of no more use after this error. Any error of the socket means that, also
/// one that the `redis` crate would try again after. A server that turned into a replica does as well: a
/// new connection asks the sentinels, or the name service, for its successor.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Whether the connection is known to be closed. A closed one refuses a command when it is first polled; an
/// open one queues it, and discards it unsent when the future is dropped, or at worst answers a PING.
fn is_closed(connection: &MultiplexedConnection) -> bool {
    let (mut connection, ping) = (connection.clone(), redis::cmd("PING"));
    let refused = connection.send_packed_command(&ping).now_or_never();
    refused.is_some_and(|answer| answer.is_err())
}
