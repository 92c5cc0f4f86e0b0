//! The ways a command takes to a server over the application's own clients.

use fred::{clients::Client, interfaces::ClientLike};
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

/// Carries each command over the next of the application's clients, which reconnect by themselves.
pub(crate) struct Shared<F>(pub(crate) F);

impl<F: Fn() -> Client + Send + Sync + 'static> Transport for Shared<F> {
    async fn send(&self, request: Request) -> Result<Reply, NodeError> {
        let client = (self.0)();
        if !client.is_connected() {
            return Err(NodeError::not_sent(format!("the client is {:?}", client.state())));
        }
        convert::answer(convert::exchange(&client.with_options(&link::once()), &request).await)
    }
}
