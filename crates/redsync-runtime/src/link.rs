//! [`Link`]: a connection of a driver's own, made when it is needed and replaced when it breaks.
//!
//! Clients that reconnect by themselves report a failed connect as a lost reply, or make commands wait for
//! the next try; a lock must know which of the two it was, and at once.

use std::{
    error::Error as StdError,
    future::Future,
    mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_channel::oneshot;
use futures_util::{
    FutureExt,
    future::{Either, Shared, select},
};
use redsync_core::{Moment, NodeError, Runtime};

/// How long a try to connect may take, the handshake included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the host of a connection should be silent on the TCP level before the connection is given up:
/// long enough to outlast a short cut of the network, and well below the hours of TCP's defaults.
pub const SILENCE: Duration = Duration::from_secs(10);
/// How long a connection should be idle before TCP asks whether the host is still there.
pub const KEEPALIVE: Duration = Duration::from_secs(5);

/// How long calls fail at once after a failed try. A refused connection fails within microseconds, and
/// without a pause every waiting lock would try in turn; up to the longest pause, a node that came back
/// goes unused.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where the connections of a [`Link`] come from.
pub trait Source: Send + Sync + 'static {
    /// A connection that many calls share by clones of it.
    type Connection: Clone + Send + Sync + 'static;

    /// Connects once. There is one try at a time, and it is dropped after [`CONNECT_TIMEOUT`].
    fn connect(
        &self,
    ) -> impl Future<Output = Result<Self::Connection, Box<dyn StdError + Send + Sync>>> + Send;

    /// Tells whether `connection`, over which nothing was heard for the time `idle`, is known to be closed. It
    /// sends nothing.
    fn is_closed(&self, connection: &Self::Connection, idle: Duration) -> bool;
}

/// One connection to one server, shared by all calls.
pub struct Link<S: Source>(Arc<Inner<S>>);

struct Inner<S: Source> {
    label: String,
    source: S,
    runtime: Arc<dyn Runtime>,
    /// Whether nothing depends on it, so that a failure is no warning.
    is_spare: bool,
    state: Mutex<State<S::Connection>>,
}

/// A try to connect that all calls wait for, and then the connection that came of it. It is cancelled when
/// the runtime that it ran on was shut down.
type Attempt<C> = Shared<oneshot::Receiver<Result<C, NodeError>>>;

struct State<C> {
    attempt: Option<Attempt<C>>,
    /// How many tries there have been, which is the number of this one.
    tries: u64,
    failures: u32,
    /// Set while the last try is a failed one.
    retry_at: Option<Moment>,
    /// When something was last heard over the connection.
    heard_at: Moment,
    /// How many requests wait for their replies over the connection, and since when there has been one.
    waiting: usize,
    waiting_since: Moment,
}

impl<S: Source> Link<S> {
    /// Returns a link that connects when it is first used.
    pub fn new(label: impl Into<String>, source: S, runtime: Arc<dyn Runtime>) -> Self {
        Self::with(label, source, runtime, false)
    }

    /// Returns one on which nothing depends: that it cannot connect is logged for debugging only.
    pub fn spare(label: impl Into<String>, source: S, runtime: Arc<dyn Runtime>) -> Self {
        Self::with(label, source, runtime, true)
    }

    fn with(label: impl Into<String>, source: S, runtime: Arc<dyn Runtime>, is_spare: bool) -> Self {
        let now = runtime.now();
        let state = State {
            attempt: None,
            tries: 0,
            failures: 0,
            retry_at: None,
            heard_at: now,
            waiting: 0,
            waiting_since: now,
        };
        Self(Arc::new(Inner { label: label.into(), source, runtime, is_spare, state: Mutex::new(state) }))
    }

    /// Returns what people call the server.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// Returns where connections come from.
    pub fn source(&self) -> &S {
        &self.0.source
    }

    /// Returns the runtime that connections are made on.
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }

    /// Lends the connection, after making one where there is none. After a failed try it fails at once, and
    /// tries again when a pause of 100 ms is over, which doubles up to 2 s.
    ///
    /// Servers and routers close idle connections. A request on such a one is lost, and nobody could tell that
    /// it was not sent, so it is looked at first. A connection over which requests have waited for [`SILENCE`]
    /// without a single reply is left to them: the server hangs, and may have a successor by now.
    ///
    /// # Errors
    ///
    /// A [`NodeError`] that says "not sent" when there is no connection.
    pub async fn connection(&self) -> Result<Lent<'_, S>, NodeError> {
        match self.lend_at_once() {
            Some(lent) => Ok(lent),
            // Boxed, since all requests but the first and those after a failure would carry it along.
            None => Box::pin(self.lend_anew()).await,
        }
    }

    /// Lends the connection if it is there and of use.
    fn lend_at_once(&self) -> Option<Lent<'_, S>> {
        let (now, state) = (self.0.runtime.now(), self.state());
        if state.retry_at.is_some() {
            return None;
        }
        let connection = state.attempt.as_ref()?.peek()?.as_ref().ok()?.as_ref().ok()?.clone();
        let (idle, is_silent, number) = (now.since(state.heard_at), state.is_silent(now), state.tries);
        let lent = self.lend(state, connection, number, now);
        let is_useless = is_silent || self.0.source.is_closed(&lent.connection, idle);
        (!is_useless).then_some(lent)
    }

    async fn lend_anew(&self) -> Result<Lent<'_, S>, NodeError> {
        let (connection, number) = self.join().await?;
        if !self.is_useless(&connection) {
            return Ok(self.lend(self.state(), connection, number, self.0.runtime.now()));
        }
        self.discard(number);
        let (connection, number) = self.join().await?;
        Ok(self.lend(self.state(), connection, number, self.0.runtime.now()))
    }

    fn is_useless(&self, connection: &S::Connection) -> bool {
        let (now, state) = (self.0.runtime.now(), self.state());
        let (idle, is_silent) = (now.since(state.heard_at), state.is_silent(now));
        drop(state);
        is_silent || self.0.source.is_closed(connection, idle)
    }

    fn lend(
        &self,
        mut state: MutexGuard<'_, State<S::Connection>>,
        connection: S::Connection,
        number: u64,
        now: Moment,
    ) -> Lent<'_, S> {
        if state.is_current(number) {
            if state.waiting == 0 {
                state.waiting_since = now;
            }
            state.waiting += 1;
        }
        Lent { connection, number, link: self, is_waiting: true }
    }

    /// Waits for the current try to connect, or a new one where there is none; tells whether it succeeded.
    pub async fn is_connected(&self) -> bool {
        matches!(self.attempt().0.await, Ok(Ok(_)))
    }

    /// The current try to connect and its number, or a new one where there is none or it is time for another.
    fn attempt(&self) -> (Attempt<S::Connection>, u64) {
        let mut state = self.state();
        let due = state.retry_at.is_some_and(|at| at <= self.0.runtime.now());
        match &state.attempt {
            Some(attempt) if !due => (attempt.clone(), state.tries),
            Some(_) | None => {
                let attempt = self.start();
                (state.retry_at, state.attempt, state.waiting) = (None, Some(attempt.clone()), 0);
                state.tries += 1;
                (attempt, state.tries)
            }
        }
    }

    /// Connects in a task of its own: a caller may be outside of any runtime, or go away.
    fn start(&self) -> Attempt<S::Connection> {
        let (send, receive) = oneshot::channel();
        let link = self.clone();
        self.0.runtime.spawn(Box::pin(async move {
            let result = link.connect().await;
            // Nobody may be waiting any more.
            let _ = send.send(result);
        }));
        receive.shared()
    }

    async fn connect(&self) -> Result<S::Connection, NodeError> {
        let timeout = self.0.runtime.sleep_until(self.0.runtime.now().plus(CONNECT_TIMEOUT));
        let result = match select(pin!(self.0.source.connect()), timeout).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(format!("not connected within {CONNECT_TIMEOUT:?}").into()),
        };
        let mut state = self.state();
        match result {
            Ok(connection) => {
                (state.failures, state.heard_at) = (0, self.0.runtime.now());
                Ok(connection)
            }
            Err(error) => {
                let pause = PAUSE.saturating_mul(1 << state.failures.min(5)).min(LONGEST_PAUSE);
                state.retry_at = Some(self.0.runtime.now().plus(pause));
                state.failures = state.failures.saturating_add(1);
                if self.0.is_spare {
                    tracing::debug!(node = self.0.label, %error, "cannot connect to watch keys");
                } else {
                    tracing::warn!(node = self.0.label, %error, tries = state.failures, "cannot connect");
                }
                Err(NodeError::not_sent(error))
            }
        }
    }

    /// The connection that comes of the current try, and the number of that.
    async fn join(&self) -> Result<(S::Connection, u64), NodeError> {
        let (attempt, number) = self.attempt();
        match attempt.await {
            Ok(Ok(connection)) => Ok((connection, number)),
            Ok(Err(error)) => Err(error),
            Err(oneshot::Canceled) => {
                self.discard(number);
                Err(NodeError::not_sent("the task that connects panicked, or its runtime was shut down"))
            }
        }
    }

    /// Makes the next call connect anew, unless another call saw to that already.
    fn discard(&self, number: u64) {
        let mut state = self.state();
        if state.is_current(number) {
            state.attempt = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<S::Connection>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> State<C> {
    /// Whether the connection that came of this try is the one that is lent now, and not an earlier one.
    fn is_current(&self, number: u64) -> bool {
        self.attempt.is_some() && self.tries == number
    }

    /// Whether requests have waited for too long without a single reply.
    fn is_silent(&self, now: Moment) -> bool {
        self.waiting > 0 && now.since(self.heard_at.max(self.waiting_since)) > SILENCE
    }
}

impl<S: Source> Clone for Link<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The connection of a [`Link`], for one request.
pub struct Lent<'a, S: Source> {
    /// The connection itself.
    pub connection: S::Connection,
    /// Of the try that it came of.
    number: u64,
    link: &'a Link<S>,
    /// Whether the request counts among those that wait.
    is_waiting: bool,
}

impl<S: Source> Lent<'_, S> {
    /// Notes that the request has ended. A connection that `is_broken` is replaced by the next call.
    pub fn give_back(mut self, is_broken: bool) {
        self.end(Some(self.link.0.runtime.now()));
        if is_broken {
            self.link.discard(self.number);
        }
    }

    fn end(&mut self, heard_at: Option<Moment>) {
        let mut state = self.link.state();
        if mem::take(&mut self.is_waiting) && state.is_current(self.number) {
            state.waiting = state.waiting.saturating_sub(1);
            state.heard_at = heard_at.unwrap_or(state.heard_at);
        }
    }
}

impl<S: Source> Drop for Lent<'_, S> {
    fn drop(&mut self) {
        if self.is_waiting {
            self.end(None);
        }
    }
}
