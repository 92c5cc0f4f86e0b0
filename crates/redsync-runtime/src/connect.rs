//! [`link_all`]: links to many servers at once, by their URLs.

use std::{error::Error as StdError, sync::Arc};

use futures_util::{StreamExt, future::ready, stream::FuturesUnordered};
use redsync_core::{InvalidOption, Runtime};

use crate::{Link, NoRuntime, Source, redact};

/// Says why nodes could not be made of URLs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError<E: StdError + 'static> {
    /// A URL cannot be parsed, or asks for something that is not compiled in, such as TLS.
    #[error("URL number {} is not usable: {url}", .index + 1)]
    InvalidUrl {
        /// Which one, counted from zero.
        index: usize,
        /// The URL, without its credentials.
        url: String,
        /// What the driver's client said.
        source: E,
    },
    /// There are no URLs, or more than a quorum can have.
    #[error(transparent)]
    InvalidQuorum(#[from] InvalidOption),
    /// There is no async runtime to work with.
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
}

/// Links to the servers at `urls`, each of which `parse` turns into a label and a source; waits until most are
/// connected.
///
/// It returns once a majority is connected, or else when all tries have ended; the others go on in the
/// background. A server that cannot be reached is logged and no error.
///
/// # Errors
///
/// A [`ConnectError`] when one of the URLs cannot be used. Nothing is connected then.
///
/// # Cancel safety
///
/// Nothing is lost but the links themselves.
pub async fn link_all<U: AsRef<str>, S: Source, E: StdError + 'static>(
    urls: impl IntoIterator<Item = U>,
    parse: impl Fn(&str) -> Result<(String, S), E>,
    runtime: Arc<dyn Runtime>,
) -> Result<Vec<Link<S>>, ConnectError<E>> {
    let link = |(index, url): (usize, U)| Link::open(index, url.as_ref(), &parse, Arc::clone(&runtime));
    let links = urls.into_iter().enumerate().map(link).collect::<Result<Vec<_>, _>>()?;
    let tries: FuturesUnordered<_> = links.iter().map(Link::is_connected).collect();
    tries.filter(|connected| ready(*connected)).take(links.len() / 2 + 1).count().await;
    Ok(links)
}

impl<S: Source> Link<S> {
    /// Links to the server at `url`, the one at `index` in the application's list, without connecting.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`] when `parse` fails, with the URL but without its secrets.
    pub fn open<E: StdError + 'static>(
        index: usize,
        url: &str,
        parse: impl Fn(&str) -> Result<(String, S), E>,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, ConnectError<E>> {
        let invalid = |source| ConnectError::InvalidUrl { index, url: redact(url), source };
        let (label, source) = parse(url).map_err(invalid)?;
        Ok(Self::new(label, source, runtime))
    }
}
