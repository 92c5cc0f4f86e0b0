//! [`Source`]: where the connections of our own come from, and when they are of no more use.

use std::{convert::Infallible, error::Error as StdError, sync::Arc, time::Duration};

use futures_util::FutureExt;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, ProtocolVersion, PushInfo, PushKind, RedisError, RedisResult,
    ServerErrorKind, Value, aio::MultiplexedConnection,
};
use redsync_core::{NodeError, Reply, Request, Runtime};
use redsync_runtime::{Backlog, Ears, Link, Tracked, Transport, Watcher};

use crate::convert;

/// After how long without a reply a connection is looked at before it is used.
const IDLE: Duration = Duration::from_millis(500);

/// Where connections come from.
pub(crate) struct Source {
    server: Server,
    /// Where the server is to push what happens to the keys that are read over the connection.
    tracked: Option<Arc<Tracked>>,
}

/// What is connected to.
#[derive(Clone)]
pub(crate) enum Server {
    Client(Arc<Client>),
    /// There is one try at a time for each of two connections.
    #[cfg(feature = "sentinel")]
    Sentinel(Arc<futures_util::lock::Mutex<redis::sentinel::SentinelClient>>),
}

impl Source {
    pub(crate) fn of(server: Server) -> Self {
        Self { server, tracked: None }
    }

    /// Watches keys over a connection of its own to the same server.
    pub(crate) fn watcher(&self, label: &str, runtime: &Arc<dyn Runtime>) -> Watcher {
        let tracked = Arc::<Tracked>::default();
        let source = Self { server: self.server.clone(), tracked: Some(Arc::clone(&tracked)) };
        let link = Linked(Link::spare(label, source, Arc::clone(runtime)));
        Watcher::new(link, tracked, Arc::clone(runtime))
    }
}

impl Server {
    async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Client(client) => Ok(Client::clone(client)),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(sentinels) => {
                let master = sentinels.lock().await.async_get_client().await?;
                let settings = crate::address::tcp_settings();
                Client::open(master.get_connection_info().clone().set_tcp_settings(settings))
            }
        }
    }
}

impl redsync_runtime::Source for Source {
    type Connection = MultiplexedConnection;

    async fn connect(&self) -> Result<MultiplexedConnection, Box<dyn StdError + Send + Sync>> {
        let client = self.server.client().await?;
        match &self.tracked {
            None => Ok(client.get_multiplexed_async_connection_with_config(&config()).await?),
            Some(tracked) => Ok(track(&client, Arc::clone(tracked)).await?),
        }
    }

    /// A closed connection refuses a command when it is first polled; an open one queues it, and discards it
    /// unsent when the future is dropped, or at worst answers a PING.
    fn is_closed(&self, connection: &MultiplexedConnection, idle: Duration) -> bool {
        if idle < IDLE {
            return false;
        }
        let (mut connection, ping) = (connection.clone(), redis::cmd("PING"));
        let refused = connection.send_packed_command(&ping).now_or_never();
        refused.is_some_and(|answer| answer.is_err())
    }
}

/// Carries commands over a connection of our own.
pub(crate) struct Linked(pub(crate) Link<Source>);

impl Transport for Linked {
    async fn send(&self, request: Request) -> Result<Reply, NodeError> {
        let mut lent = self.0.connection().await?;
        let command = convert::command(&request);
        let answer = lent.connection.send_packed_command(&command).await.and_then(Value::extract_error);
        lent.give_back(answer.as_ref().is_err_and(is_broken));
        convert::answer(answer)
    }
}

/// Connects so that the server tells when a key changes that was read over the connection.
async fn track(client: &Client, tracked: Arc<Tracked>) -> RedisResult<MultiplexedConnection> {
    let info = client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let client = Client::open(info.set_redis_settings(settings))?;
    let ears = Ears::of(tracked);
    let config = config().set_push_sender(move |push: PushInfo| {
        note(&ears, &push);
        Ok::<_, Infallible>(())
    });
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("CLIENT").arg("TRACKING").arg("ON").query_async::<()>(&mut connection).await?;
    Ok(connection)
}

/// An invalidation names its keys, or none where the server was emptied.
fn note(tracked: &Tracked, push: &PushInfo) {
    match (&push.kind, push.data.first()) {
        (PushKind::Invalidate, Some(Value::Array(keys))) => {
            let names =
                keys.iter().filter_map(|key| if let Value::BulkString(key) = key { Some(key) } else { None });
            names.for_each(|name| tracked.changed(name));
        }
        (PushKind::Invalidate | PushKind::Disconnection, _) => tracked.lost(),
        _ => {}
    }
}

/// No time-outs: the link brings one for connecting, and the locks have deadlines of their own, still want late
/// replies, and a request that timed out in the queue would never be sent. No call waits for space in the queue
/// either.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(None)
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
