//! [`RedisNode`]: one Redis or Valkey, reached through the `fred` crate.

use std::{borrow::Cow, slice, sync::Arc};

use fred::{
    clients::{Client, Pool},
    interfaces::ClientLike,
    types::config::Config,
};
use redsync_core::{BoxFuture, Hint, Node, NodeError, Reply, Request};
use redsync_runtime::{Link, NoRuntime, TokioRuntime, Wired};

use crate::{
    ConnectError, address,
    link::{Linked, Source},
    shared::{ShareError, Shared},
};

/// One Redis or Valkey: a single server, a cluster, or what a group of sentinels calls its master.
///
/// Clones share the connection. At most 1024 requests to a node are unanswered at a time; further ones
/// fail at once, as not sent.
///
/// Constructors that connect by themselves do so at the first call. A node that cannot be reached fails
/// its calls at once, as not sent, and tries again by the next call after a pause of 100 ms, which doubles
/// up to 2 s.
///
/// On a cluster, a key whose slot is being moved fails with `MOVED` or `ASK` until the move is over: `fred` cannot
/// follow `ASK` without also sending lost commands again.
#[derive(Clone, Debug)]
pub struct RedisNode(Arc<dyn Node>);

impl RedisNode {
    /// Reaches the server at `url`, such as `redis://user:password@10.0.0.1:6379/0`, by a connection of its
    /// own.
    ///
    /// The `fred` crate's other URLs do as well: `redis-cluster://10.0.0.1:7000?node=10.0.0.2:7000` and
    /// `redis-sentinel://10.0.0.1:26379?sentinelServiceName=group`. Credentials go before the first host, for all of
    /// them.
    ///
    /// TCP keeps watch over an idle connection, and gives up one whose host has been silent for 10 s. A connection
    /// over which requests have waited for 10 s without a reply is left for a new one.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`] when `url` cannot be used, or there is no Tokio runtime.
    pub fn open(url: &str) -> Result<Self, ConnectError> {
        Ok(Self::from_link(Link::open(0, url, address::parse, TokioRuntime::shared()?)?))
    }

    /// Reaches the server, cluster or sentinels of `config` by a connection of its own.
    ///
    /// Sentinels are asked again when that connection breaks, its server has become a replica, or requests have
    /// waited for 10 s without a reply; and so is a cluster for its masters.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] when there is no Tokio runtime.
    pub fn from_config(config: Config) -> Result<Self, NoRuntime> {
        Ok(Self::from_link(Link::new(address::label(&config), Source::of(config), TokioRuntime::shared()?)))
    }

    /// Uses a client that the application has already, be it of a server or of sentinels.
    ///
    /// The client is to be connected, by `init` or `connect`. While it is not, calls fail at once, as not sent;
    /// while it waits to reconnect, they wait with it, and may be executed late, which the locks reckon with. Its
    /// number of attempts and its command time-out do not apply to lock commands, but its limit for unresponsive
    /// connections does. A server that has become a replica is left when the client reconnects, by
    /// `force_reconnection` at the latest.
    ///
    /// For a client of a cluster, a connection of its own is made with the client's configuration: a redirection
    /// would otherwise be followed by sending lost commands again as well, or end the client.
    ///
    /// # Errors
    ///
    /// A [`ShareError`] when the client has no reconnect policy, or there is no Tokio runtime.
    pub fn from_client(client: Client) -> Result<Self, ShareError> {
        Self::from_shared(slice::from_ref(&client.clone()), move || client.clone())
    }

    /// Uses the clients of a pool in turn, in the way of [`from_client`](Self::from_client).
    ///
    /// # Errors
    ///
    /// A [`ShareError`] when a client has no reconnect policy, or there is no Tokio runtime.
    pub fn from_pool(pool: Pool) -> Result<Self, ShareError> {
        Self::from_shared(pool.clone().clients(), move || pool.next_connected().clone())
    }

    pub(crate) fn from_link(link: Link<Source>) -> Self {
        let (label, runtime) = (link.label().to_owned(), Arc::clone(link.runtime()));
        let watcher = link.source().watcher(&label, &runtime);
        Self(Arc::new(Wired::new(label, Linked(link), runtime).watched_by(watcher)))
    }

    fn from_shared(
        clients: &[Client],
        next: impl Fn() -> Client + Send + Sync + 'static,
    ) -> Result<Self, ShareError> {
        if !clients.iter().all(ClientLike::has_reconnect_policy) {
            return Err(ShareError::NoReconnectPolicy);
        }
        let config = next().client_config();
        if next().is_clustered() {
            return Ok(Self::from_config(config)?);
        }
        let label = address::label(&config);
        let runtime = TokioRuntime::shared()?;
        let watcher = Source::of(config).watcher(&label, &runtime);
        Ok(Self(Arc::new(Wired::new(label, Shared(next), runtime).watched_by(watcher))))
    }
}

impl Node for RedisNode {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        self.0.call(request)
    }

    fn watch(&self, key: Arc<str>) -> Option<BoxFuture<'static, Result<Hint, NodeError>>> {
        self.0.watch(key)
    }

    fn label(&self) -> Cow<'_, str> {
        self.0.label()
    }
}
