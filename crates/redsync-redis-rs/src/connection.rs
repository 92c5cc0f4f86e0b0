//! The ways a command takes to a server over the application's own connections.

use std::{error::Error as StdError, ops::DerefMut};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redsync_core::{Delivery, NodeError, Reply, Request};
use redsync_runtime::Transport;

use crate::convert;

/// An asynchronous connection of the `redis` crate, or of another crate that wraps one.
///
/// Its own response time-out applies to lock commands too (500 ms by default): a command that is still
/// queued then is not sent, which is reported as "unknown". Where the application allows it, switch it off
/// by `set_response_timeout(None)` in its configuration, since the locks bring deadlines of their own.
pub trait Connection: ConnectionLike + Send + 'static {
    /// Whether this connection sends a command again by itself, say after a redirection.
    const DELIVERY: Delivery = Delivery::AtMostOnce;
}

impl Connection for MultiplexedConnection {}

/// It reports a failed reconnection with the same error as a lost reply, so that both are "unknown".
#[cfg(feature = "connection-manager")]
impl Connection for redis::aio::ConnectionManager {}

/// It goes on asking a master that hangs, and not its successor, for as long as the TCP connection lasts.
#[cfg(feature = "cluster")]
impl Connection for redis::cluster_async::ClusterConnection {
    const DELIVERY: Delivery = Delivery::MayRepeat;
}

/// Carries commands over clones of one connection.
pub(crate) struct Direct<C>(pub(crate) C);

impl<C: Connection + Clone + Sync> Transport for Direct<C> {
    fn delivery(&self) -> Delivery {
        C::DELIVERY
    }

    async fn send(&self, request: Request) -> Result<Reply, NodeError> {
        let mut connection = self.0.clone();
        convert::answer(connection.req_packed_command(&convert::command(&request)).await)
    }
}

/// Carries each command over a connection that it gets from a pool.
pub(crate) struct Pool<F>(pub(crate) F);

impl<F, G, C, E> Transport for Pool<F>
where
    F: Fn() -> G + Send + Sync + 'static,
    G: Future<Output = Result<C, E>> + Send,
    C: DerefMut<Target: Connection + Sized> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn delivery(&self) -> Delivery {
        C::Target::DELIVERY
    }

    async fn send(&self, request: Request) -> Result<Reply, NodeError> {
        let mut connection = (self.0)().await.map_err(NodeError::not_sent)?;
        convert::answer(connection.req_packed_command(&convert::command(&request)).await)
    }
}
