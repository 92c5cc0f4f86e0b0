//! [`Source`]: where the connections of our own come from, and when they are of no more use.

use std::{error::Error as StdError, time::Duration};

use futures_util::FutureExt;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind, Value, aio::MultiplexedConnection,
};
use redsync_core::{NodeError, Reply, Request};
use redsync_runtime::{Backlog, Link, Transport};

use crate::convert;

/// After how long without a reply a connection is looked at before it is used.
const IDLE: Duration = Duration::from_millis(500);

/// Where connections come from.
pub(crate) enum Source {
    Client(Client),
    /// The lock is never contended, since there is one try at a time.
    #[cfg(feature = "sentinel")]
    Sentinel(futures_util::lock::Mutex<redis::sentinel::SentinelClient>),
}

impl redsync_runtime::Source for Source {
    type Connection = MultiplexedConnection;

    async fn connect(&self) -> Result<MultiplexedConnection, Box<dyn StdError + Send + Sync>> {
        let config = config();
        match self {
            Self::Client(client) => Ok(client.get_multiplexed_async_connection_with_config(&config).await?),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(client) => {
                let master = client.lock().await.async_get_client().await?;
                let master =
                    master.get_connection_info().clone().set_tcp_settings(crate::address::tcp_settings());
                Ok(Client::open(master)?.get_multiplexed_async_connection_with_config(&config).await?)
            }
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
#[derive(Clone)]
pub(crate) struct Linked(pub(crate) Link<Source>);

impl Transport for Linked {
    async fn send(self, request: Request) -> Result<Reply, NodeError> {
        let mut lent = self.0.connection().await?;
        let command = convert::command(&request);
        let answer = lent.connection.send_packed_command(&command).await.and_then(Value::extract_error);
        lent.give_back(answer.as_ref().is_err_and(is_broken));
        convert::answer(answer)
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
