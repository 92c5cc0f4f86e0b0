//! [`nodes`]: many servers at once, by their URLs.

use fred::error::Error as FredError;
use redsync_core::Redsync;
use redsync_runtime::{TokioRuntime, link_all};

use crate::{RedisNode, address};

/// Says why nodes could not be made of URLs; its source is the `fred` crate's own error.
pub type ConnectError = redsync_runtime::ConnectError<FredError>;

/// Locks on the servers at `urls`, such as `redis://user:password@10.0.0.1:6379/0`, each of which is a node.
///
/// Waits like [`nodes`], which makes nodes for [`with_nodes`] and [`Redsync::builder`] where there is more to say.
///
/// # Errors
///
/// A [`ConnectError`] when one of the URLs cannot be used, there is none or too many, or there is no Tokio
/// runtime. A server that cannot be reached is no error.
///
/// # Cancel safety
///
/// Nothing is lost but the connections.
pub async fn connect<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Redsync, ConnectError> {
    with_nodes(nodes(urls).await?)
}

/// Locks on these nodes, such as ones over clients that the application has already.
///
/// # Errors
///
/// A [`ConnectError`] when there is no node or too many, or there is no Tokio runtime.
pub fn with_nodes(nodes: impl IntoIterator<Item = RedisNode>) -> Result<Redsync, ConnectError> {
    Ok(Redsync::builder(TokioRuntime::shared()?).nodes(nodes).build()?)
}

/// Reaches the servers at `urls`, each by a connection of its own, and waits until most are connected.
///
/// It returns once a majority is connected, or else when all tries have ended, which takes a second at
/// most; the others go on in the background. A server that cannot be reached is logged and no error: it is
/// connected to when it has come back.
///
/// # Errors
///
/// A [`ConnectError`] when one of the URLs cannot be used, or there is no Tokio runtime. Nothing is
/// connected then.
///
/// # Cancel safety
///
/// Nothing is lost but the nodes themselves.
pub async fn nodes<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Vec<RedisNode>, ConnectError> {
    let links = link_all(urls, address::parse, TokioRuntime::shared()?).await?;
    Ok(links.into_iter().map(RedisNode::from_link).collect())
}
