//! [`nodes`]: many servers at once, by their URLs.

use futures_util::{StreamExt, future::ready, stream::FuturesUnordered};
use redis::RedisError;
use redsync_core::{InvalidOption, Redsync};
use redsync_runtime::{NoRuntime, locate};

use crate::{RedisNode, address, link::Link};

/// Locks on the servers at `urls`, such as `redis://user:password@10.0.0.1:6379/0`, each of which is a node.
///
/// Waits like [`nodes`], which makes nodes for [`with_nodes`] and [`Redsync::builder`] where there is more to say.
///
/// # Errors
///
/// A [`ConnectError`] when one of the URLs cannot be used, there is none or too many, or there is no async
/// runtime. A server that cannot be reached is no error.
///
/// # Cancel safety
///
/// Nothing is lost but the connections.
pub async fn connect<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Redsync, ConnectError> {
    with_nodes(nodes(urls).await?)
}

/// Locks on these nodes, such as ones over connections that the application has already.
///
/// # Errors
///
/// A [`ConnectError`] when there is no node or too many, or there is no async runtime.
pub fn with_nodes(nodes: impl IntoIterator<Item = RedisNode>) -> Result<Redsync, ConnectError> {
    Ok(Redsync::builder(locate()?).nodes(nodes).build()?)
}

/// Reaches the servers at `urls`, each by a connection of its own, and waits until most are connected.
///
/// It returns once a majority is connected, or else when all tries have ended, which takes a second at
/// most; the others go on in the background. A server that cannot be reached is logged and no error: it is
/// connected to when it has come back.
///
/// # Errors
///
/// A [`ConnectError`] when one of the URLs cannot be used, or there is no async runtime. Nothing is
/// connected then.
///
/// # Cancel safety
///
/// Nothing is lost but the nodes themselves.
pub async fn nodes<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Vec<RedisNode>, ConnectError> {
    let runtime = locate()?;
    let links = urls
        .into_iter()
        .enumerate()
        .map(|(index, url)| address::link(index, url.as_ref(), runtime.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    connect_most(&links).await;
    Ok(links.into_iter().map(RedisNode::from_link).collect())
}

async fn connect_most(links: &[Link]) {
    let majority = links.len() / 2 + 1;
    let attempts: FuturesUnordered<_> = links.iter().map(Link::attempt).collect();
    attempts.filter(|outcome| ready(matches!(outcome, Ok(Ok(_))))).take(majority).count().await;
}

/// Says why nodes could not be made of URLs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A URL cannot be parsed, or asks for something that is not compiled in, such as TLS.
    #[error("URL number {} is not usable: {url}", .index + 1)]
    InvalidUrl {
        /// Which one, counted from zero.
        index: usize,
        /// The URL, without its credentials.
        url: String,
        /// What the `redis` crate said.
        source: RedisError,
    },
    /// There are no URLs, or more than a quorum can have.
    #[error(transparent)]
    InvalidQuorum(#[from] InvalidOption),
    /// There is no async runtime to work with.
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
}
