//! [`Source`]: where the connections of our own come from, and when they are of no more use.

use std::{error::Error as StdError, pin::pin, sync::Arc, time::Duration};

use fred::{
    clients::{Client, WithOptions},
    error::{Error, ErrorKind},
    interfaces::{ClientLike, Resp3Frame, TrackingInterface},
    types::{
        RespVersion,
        client::Invalidation,
        config::{Config, ConnectionConfig, Options, TcpConfig},
    },
};
use futures_util::{
    FutureExt,
    future::{Either, select},
};
use redsync_core::{NodeError, Reply, Request, Runtime};
use redsync_runtime::{CONNECT_TIMEOUT, Ears, KEEPALIVE, Link, SILENCE, Tracked, Transport, Watcher};
use socket2::TcpKeepalive;
use tokio::{
    sync::broadcast::{Receiver as BroadcastReceiver, error::RecvError},
    task::AbortHandle,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::convert;

/// How a server is reached.
pub(crate) struct Source {
    config: Config,
    /// Where the server is to push what happens to the keys that are read over the connection.
    tracked: Option<Arc<Tracked>>,
}

impl Source {
    pub(crate) fn of(config: Config) -> Self {
        Self { config, tracked: None }
    }

    /// Watches keys over a connection of its own, where that is of one server. In a cluster it would have to follow a key
    /// from server to server.
    pub(crate) fn watcher(&self, label: &str, runtime: &Arc<dyn Runtime>) -> Option<Watcher> {
        if self.config.server.is_clustered() {
            return None;
        }
        let tracked = Arc::<Tracked>::default();
        let config = Config { version: RespVersion::RESP3, ..self.config.clone() };
        let source = Self { config, tracked: Some(Arc::clone(&tracked)) };
        let link = Linked(Link::spare(label, source, Arc::clone(runtime)));
        Some(Watcher::new(link, tracked, Arc::clone(runtime)))
    }
}

/// A client of our own, which never reconnects: that is the link's business.
pub(crate) struct Connection {
    client: WithOptions<Client>,
    /// The task that moves the client's commands and replies.
    router: AbortHandle,
    /// Cancelled once that has ended. Each command waits for it, so that this must cost the same however many wait: they
    /// share no future.
    ended: CancellationToken,
    /// Waits for that task, which is aborted with this, or else would go on without the client.
    _watch: AbortOnDropHandle<()>,
    /// Passes on what the server pushes.
    _ears: Option<AbortOnDropHandle<()>>,
}

impl redsync_runtime::Source for Source {
    type Connection = Arc<Connection>;

    async fn connect(&self) -> Result<Arc<Connection>, Box<dyn StdError + Send + Sync>> {
        let config = Config { fail_fast: true, ..self.config.clone() };
        let client = Client::new(config, None, Some(connection_config()), None);
        let mut task = AbortOnDropHandle::new(client.connect());
        let router = task.abort_handle();
        // The news of a failure may have come before anybody waits for it, but then the task has ended.
        match select(pin!(client.wait_for_connect()), &mut task).await {
            Either::Left((result, _)) => result?,
            Either::Right((result, _)) => result??,
        }
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let watch = AbortOnDropHandle::new(tokio::spawn(async move {
            // However it ends, be it with its runtime.
            let _end = end;
            let _ = task.await;
        }));
        let ears = match &self.tracked {
            Some(tracked) => {
                let pushes = client.invalidation_rx();
                client.start_tracking(Vec::<String>::new(), false, false, false, false).await?;
                let ears = tokio::spawn(listen(pushes, ended.clone(), Ears::of(Arc::clone(tracked))));
                Some(AbortOnDropHandle::new(ears))
            }
            None => None,
        };
        let client = client.with_options(&once());
        Ok(Arc::new(Connection { client, router, ended, _watch: watch, _ears: ears }))
    }

    fn is_closed(&self, connection: &Arc<Connection>, _: Duration) -> bool {
        connection.router.is_finished()
    }
}

/// Passes on what a server pushes, until the client has ended.
async fn listen(mut pushes: BroadcastReceiver<Invalidation>, ended: CancellationToken, ears: Ears) {
    let mut end = pin!(ended.cancelled());
    loop {
        match select(pin!(pushes.recv()), &mut end).await {
            Either::Left((Ok(push), _)) if !push.keys.is_empty() => {
                push.keys.iter().for_each(|key| ears.changed(key.as_bytes()));
            }
            // The server was emptied, or has pushed more than could be heard.
            Either::Left((Ok(_) | Err(RecvError::Lagged(_)), _)) => ears.lost(),
            Either::Left((Err(RecvError::Closed), _)) | Either::Right(_) => return,
        }
    }
}

/// Carries commands over a connection of our own.
pub(crate) struct Linked(pub(crate) Link<Source>);

impl Transport for Linked {
    async fn send(&self, request: Request) -> Result<Reply, NodeError> {
        let lent = self.0.connection().await?;
        let answer = lent.connection.exchange(&request).await;
        lent.give_back(convert::is_broken(&answer));
        convert::answer(answer)
    }
}

impl Connection {
    /// Sends `request`, and fails when the client ends before: `fred` never says that to commands that it took in
    /// while it ended.
    async fn exchange(&self, request: &Request) -> Result<Resp3Frame, Error> {
        match select(pin!(convert::exchange(&self.client, request)), pin!(self.ended.cancelled())).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), reply)) => reply.now_or_never().unwrap_or_else(|| Err(ended())),
        }
    }
}

/// In the words of what has happened; `fred` says "Canceled".
fn ended() -> Error {
    Error::new(ErrorKind::Canceled, "the connection was lost, and its client has ended")
}

/// How each command goes: once, without a time-out of its own, and not at all while there is no connection.
pub(crate) fn once() -> Options {
    Options { max_attempts: Some(1), timeout: Some(Duration::ZERO), fail_fast: true, ..Options::default() }
}

/// Lets a dead host end the requests that wait for it. The host of a server that merely stands still goes
/// on to acknowledge.
fn connection_config() -> ConnectionConfig {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let keepalive = keepalive.with_interval(Duration::from_secs(1));
    let tcp = TcpConfig {
        // Commands are small, and must not wait for the acknowledgement of the one before.
        nodelay: Some(true),
        keepalive: Some(keepalive),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        user_timeout: Some(SILENCE),
        ..TcpConfig::default()
    };
    // In the options of a command, `fred` takes no redirections for no wish.
    let (connection_timeout, max_redirections) = (CONNECT_TIMEOUT, 0);
    ConnectionConfig { connection_timeout, max_redirections, tcp, ..ConnectionConfig::default() }
}
