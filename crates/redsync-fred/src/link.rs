//! [`Source`]: where the connections of our own come from, and when they are of no more use.

use std::{error::Error as StdError, pin::pin, time::Duration};

use fred::{
    clients::{Client, WithOptions},
    error::Error,
    interfaces::{ClientLike, Resp3Frame},
    types::config::{Config, ConnectionConfig, Options, TcpConfig},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, select},
};
use redsync_core::{NodeError, Reply, Request};
use redsync_runtime::{CONNECT_TIMEOUT, KEEPALIVE, Link, SILENCE, Transport};
use socket2::TcpKeepalive;
use tokio_util::task::AbortOnDropHandle;

use crate::convert;

/// How a server is reached.
pub(crate) struct Source(pub(crate) Config);

/// A client of our own, which never reconnects: that is the link's business.
#[derive(Clone)]
pub(crate) struct Connection {
    client: WithOptions<Client>,
    /// The task that moves the client's commands and replies. It is aborted with the last clone of this, or else
    /// would go on without the client.
    router: Shared<BoxFuture<'static, Result<(), Error>>>,
}

impl redsync_runtime::Source for Source {
    type Connection = Connection;

    async fn connect(&self) -> Result<Connection, Box<dyn StdError + Send + Sync>> {
        let config = Config { fail_fast: true, ..self.0.clone() };
        let client = Client::new(config, None, Some(connection_config()), None);
        let task = AbortOnDropHandle::new(client.connect());
        let router = async { task.await? }.boxed().shared();
        // The news of a failure may have come before anybody waits for it, but then the task has ended.
        match select(pin!(client.wait_for_connect()), router.clone()).await {
            Either::Left((result, _)) | Either::Right((result, _)) => result?,
        }
        Ok(Connection { client: client.with_options(&once()), router })
    }

    fn is_closed(&self, connection: &Connection, _: Duration) -> bool {
        connection.router.clone().now_or_never().is_some()
    }
}

/// Carries commands over a connection of our own.
#[derive(Clone)]
pub(crate) struct Linked(pub(crate) Link<Source>);

impl Transport for Linked {
    async fn send(self, request: Request) -> Result<Reply, NodeError> {
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
        let reply = pin!(convert::exchange(&self.client, request));
        match select(reply, self.router.clone()).await {
            Either::Left((answer, _)) => answer,
            Either::Right((end, reply)) => {
                reply.now_or_never().unwrap_or_else(|| end.and(Err(Error::new_canceled())))
            }
        }
    }
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
