//! Real servers, and ways to them.

use redis::aio::MultiplexedConnection;
use redsync_redis_rs::Redsync;
use redsync_testkit::server::Servers;

use crate::BoxError;

/// Servers of this run's own.
pub(crate) struct Stage {
    servers: Servers,
}

impl Stage {
    pub(crate) fn with(nodes: usize) -> Result<Self, BoxError> {
        Ok(Self { servers: Servers::start(nodes)? })
    }

    pub(crate) async fn redsync(&self) -> Result<Redsync, BoxError> {
        Ok(redsync_redis_rs::connect(self.servers.urls()).await?)
    }

    /// The bare client, one connection for each server, as the driver has it.
    pub(crate) async fn bare(&self) -> Result<Vec<MultiplexedConnection>, BoxError> {
        let mut connections = Vec::new();
        for server in self.servers.iter() {
            let client = redis::Client::open(server.url())?;
            connections.push(client.get_multiplexed_async_connection().await?);
        }
        Ok(connections)
    }
}
