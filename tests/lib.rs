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

    /// The module that [`for_each_driver!`] makes for this driver.
    pub const fn module(self) -> &'static str {
        match self {
            Self::RedisRs => "redis_rs",
            Self::Fred => "fred",
        }
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

    /// Nodes for the servers at `urls`, most of which are connected.
    ///
    /// # Errors
    ///
    /// The driver's own, say for a bad URL.
    pub async fn nodes(self, urls: Vec<String>) -> Result<Vec<Arc<dyn Node>>, Box<dyn Error>> {
        fn erased<N: Node>(nodes: Vec<N>) -> Vec<Arc<dyn Node>> {
            nodes.into_iter().map(|node| Arc::new(node) as Arc<dyn Node>).collect()
        }
        Ok(match self {
            Self::RedisRs => erased(redsync_redis_rs::nodes(urls).await?),
            Self::Fred => erased(redsync_fred::nodes(urls).await?),
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

/// Makes a module for each driver, with a test for each function, which takes the driver.
#[macro_export]
macro_rules! for_each_driver {
    ($($tests:tt)*) => {
        mod redis_rs {
            $crate::tests! { RedisRs: $($tests)* }
        }
        mod fred {
            $crate::tests! { Fred: $($tests)* }
        }
    };
}

/// Makes the tests of one driver.
#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    ($driver:ident:) => {};
    ($driver:ident: async $test:ident, $($rest:tt)*) => {
        #[tokio::test]
        async fn $test() {
            super::$test($crate::Driver::$driver).await;
        }
        $crate::tests! { $driver: $($rest)* }
    };
    ($driver:ident: $test:ident, $($rest:tt)*) => {
        #[test]
        fn $test() {
            super::$test($crate::Driver::$driver);
        }
        $crate::tests! { $driver: $($rest)* }
    };
}
