//! Several servers at once, for a quorum.

use std::ops::Deref;

use super::{Server, ServerError};

/// Is a group of independent servers; dereferences to a slice of them.
///
/// ```
/// use redsync_testkit::server::Servers;
///
/// let servers = Servers::start(3)?;
/// servers[0].kill();
/// assert_eq!(servers.urls().len(), 3);
/// # Ok::<(), redsync_testkit::server::ServerError>(())
/// ```
#[derive(Debug)]
pub struct Servers(Vec<Server>);

impl Servers {
    /// Starts `count` servers, each on a port of its own, and waits until all answer.
    ///
    /// # Errors
    ///
    /// Fails as [`Server::start`] does; none is left running then.
    pub fn start(count: usize) -> Result<Self, ServerError> {
        (0..count).map(|_| Server::start()).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the addresses of all servers, in order.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.iter().map(Server::url).collect()
    }
}

impl Deref for Servers {
    type Target = [Server];

    fn deref(&self) -> &[Server] {
        &self.0
    }
}

impl From<Vec<Server>> for Servers {
    fn from(servers: Vec<Server>) -> Self {
        Self(servers)
    }
}
