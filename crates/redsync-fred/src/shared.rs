//! The ways a command takes to a server over the application's own clients.

use fred::{
    clients::{Client, Pool},
    interfaces::ClientLike,
};
use redsync_core::{NodeError, Reply, Request};
use redsync_runtime::{NoRuntime, Transport};

use crate::{convert, link};

/// Says why a client or pool of the application cannot carry locks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The client does not reconnect. Once its connection is lost, `fred` neither sends its commands nor fails
    /// them.
    #[error(
        "a fred client without a reconnect policy hangs once its connection is lost: give it one by \
         `Builder::set_policy`, or use `RedisNode::from_config`"
    )]
    NoReconnectPolicy,
    /// There is no Tokio runtime to work with.
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
}

/// One or more clients that the application has already.
#[derive(Clone)]
pub(crate) enum Shared {
    One(Client),
    Many(Pool),
}

impl Shared {
    /// # Errors
    ///
    /// [`ShareError::NoReconnectPolicy`] when a client does not reconnect by itself.
    pub(crate) fn checked(self) -> Result<Self, ShareError> {
        let reconnects = match &self {
            Self::One(client) => client.has_reconnect_policy(),
            Self::Many(pool) => pool.clients().iter().all(ClientLike::has_reconnect_policy),
        };
        if reconnects { Ok(self) } else { Err(ShareError::NoReconnectPolicy) }
    }

    pub(crate) fn next(&self) -> &Client {
        match self {
            Self::One(client) => client,
            Self::Many(pool) => pool.next(),
        }
    }
}

impl Transport for Shared {
    async fn send(self, request: Request) -> Result<Reply, NodeError> {
        let client = self.next();
        if !client.is_connected() {
            return Err(NodeError::not_sent(format!("the client is {:?}", client.state())));
        }
        convert::answer(convert::exchange(&client.with_options(&link::once()), &request).await)
    }
}
