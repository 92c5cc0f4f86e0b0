//! [`RedisNode`]: one Redis or Valkey, reached through the `redis` crate.

use std::{borrow::Cow, error::Error as StdError, ops::DerefMut, sync::Arc};

use redis::Client;
use redsync_core::{BoxFuture, Delivery, Hint, Node, NodeError, Reply, Request};
use redsync_runtime::{Link, NoRuntime, Wired, locate};

use crate::{
    ConnectError, Connection, address,
    connection::{Direct, Pool},
    link::{Linked, Server, Source},
};

/// One Redis or Valkey: a single server, a cluster, or what a group of sentinels calls its master.
///
/// Clones share the connection. At most 1024 requests to a node are unanswered at a time; further ones
/// fail at once, as not sent.
///
/// Constructors that connect by themselves do so at the first call. A node that cannot be reached fails
/// its calls at once, as not sent, and tries again by the next call after a pause of 100 ms, which doubles
/// up to 2 s.
#[derive(Clone, Debug)]
pub struct RedisNode(Arc<dyn Node>);

impl RedisNode {
    /// Reaches the server at `url`, such as `redis://user:password@10.0.0.1:6379/0`, by a connection of its
    /// own.
    ///
    /// TCP keeps watch over an idle connection, and gives up one whose host has been silent for 10 s. A connection
    /// over which requests have waited for 10 s without a reply is left for a new one.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`] when `url` cannot be used, or there is no async runtime.
    pub fn open(url: &str) -> Result<Self, ConnectError> {
        Ok(Self::from_link(Link::open(0, url, address::parse, locate()?)?))
    }

    /// Reaches the server of `client` by a connection of its own, with the TCP settings of `client`.
    ///
    /// Switch `TCP_NODELAY` on there: the `redis` crate leaves it off, which can delay a command by 40 ms.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] when there is no async runtime.
    pub fn from_client(client: Client) -> Result<Self, NoRuntime> {
        let label = address::label(client.get_connection_info());
        Ok(Self::from_link(Link::new(label, Source::of(Server::Client(Arc::new(client))), locate()?)))
    }

    /// Reaches the server that the sentinels of `client` name, by a connection of its own.
    ///
    /// The sentinels are asked again when that connection breaks, its server has become a replica, or requests
    /// have waited for 10 s without a reply. The TCP settings are those of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] when there is no async runtime.
    #[cfg(feature = "sentinel")]
    pub fn from_sentinel(
        label: impl Into<String>,
        client: redis::sentinel::SentinelClient,
    ) -> Result<Self, NoRuntime> {
        let source = Source::of(Server::Sentinel(Arc::new(futures_util::lock::Mutex::new(client))));
        Ok(Self::from_link(Link::new(label, source, locate()?)))
    }

    /// Uses a connection that the application has already: a `MultiplexedConnection`, a
    /// `ConnectionManager` or a `ClusterConnection`.
    ///
    /// A plain `MultiplexedConnection` does not come back once it is broken.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] when there is no async runtime.
    pub fn from_connection(
        label: impl Into<String>,
        connection: impl Connection + Clone + Sync,
    ) -> Result<Self, NoRuntime> {
        Ok(Self(Arc::new(Wired::new(label, Direct(connection), locate()?))))
    }

    /// Gets a connection from a pool for each request.
    ///
    /// `get` yields what pools call a connection or a guard: anything that dereferences to a
    /// [`Connection`], such as those of `bb8` and `deadpool-redis`. An error of `get` means that the request
    /// was not sent.
    ///
    /// ```no_run
    /// # async fn example(pool: bb8::Pool<redis::Client>) -> Result<(), Box<dyn std::error::Error>> {
    /// use redsync_redis_rs::RedisNode;
    ///
    /// let node = RedisNode::from_pool("10.0.0.1:6379", move || {
    ///     let pool = pool.clone();
    ///     async move { pool.get_owned().await }
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] when there is no async runtime.
    pub fn from_pool<F, G, C, E>(label: impl Into<String>, get: F) -> Result<Self, NoRuntime>
    where
        F: Fn() -> G + Send + Sync + 'static,
        G: Future<Output = Result<C, E>> + Send,
        C: DerefMut<Target: Connection + Sized> + Send,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        Ok(Self(Arc::new(Wired::new(label, Pool(get), locate()?))))
    }

    pub(crate) fn from_link(link: Link<Source>) -> Self {
        let (label, runtime) = (link.label().to_owned(), Arc::clone(link.runtime()));
        let watcher = link.source().watcher(&label, &runtime);
        Self(Arc::new(Wired::new(label, Linked(link), runtime).watched_by(watcher)))
    }
}

impl Node for RedisNode {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        self.0.call(request)
    }

    fn label(&self) -> Cow<'_, str> {
        self.0.label()
    }

    fn delivery(&self) -> Delivery {
        self.0.delivery()
    }

    fn watch(&self, key: Arc<str>) -> Option<BoxFuture<'static, Result<Hint, NodeError>>> {
        self.0.watch(key)
    }
}
