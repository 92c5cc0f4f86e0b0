//! Every driver of this workspace under one name, for tests of one against the other.

use std::{error::Error, sync::Arc};

use redsync_core::{Node, Redsync};

/// A driver of this workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// `redsync-redis-rs`.
    RedisRs,
    /// `redsync-fred`.
    Fred,
}

impl Driver {
    /// Every driver.
    pub const ALL: [Self; 2] = [Self::RedisRs, Self::Fred];

    /// Every driver with every driver, itself included.
    pub fn pairs() -> impl Iterator<Item = (Self, Self)> {
        Self::ALL.into_iter().flat_map(|one| Self::ALL.map(|other| (one, other)))
    }

    /// Locks on the servers at `urls`, each of which is a node.
    ///
    /// # Errors
    ///
    /// The driver's own, say for a bad URL.
    pub async fn connect(self, urls: Vec<String>) -> Result<Redsync, Box<dyn Error>> {
        Ok(match self {
            Self::RedisRs => redsync_redis_rs::connect(urls).await?,
            Self::Fred => redsync_fred::connect(urls).await?,
        })
    }

    /// A node for the server at `url`.
    ///
    /// # Errors
    ///
    /// The driver's own, say for a bad URL.
    pub fn open(self, url: &str) -> Result<Arc<dyn Node>, Box<dyn Error>> {
        Ok(match self {
            Self::RedisRs => Arc::new(redsync_redis_rs::RedisNode::open(url)?),
            Self::Fred => Arc::new(redsync_fred::RedisNode::open(url)?),
        })
    }
}
