//! This driver on each runtime, for the lists of tests that all drivers share.

use std::{future::Future, sync::Arc};

use redsync_redis_rs::{BoxFuture, Node, RedisNode, Runtime};
use redsync_testkit::{conformance, topology};

use super::places::reach;

/// Implements the drivers of both lists for a type, by how it runs a future and by its runtime.
macro_rules! driver {
    ($driver:ident, |$future:ident| $block_on:expr, $runtime:expr) => {
        pub(crate) struct $driver;

        impl conformance::Driver for $driver {
            fn block_on($future: BoxFuture<'_, ()>) {
                $block_on
            }

            fn runtime() -> Arc<dyn Runtime> {
                Arc::new($runtime)
            }

            async fn open(url: &str) -> Arc<dyn Node> {
                Arc::new(RedisNode::open(url).unwrap())
            }
        }

        impl topology::Driver for $driver {
            fn reach(place: &topology::Place) -> impl Future<Output = Arc<dyn Node>> + Send {
                reach(place)
            }
        }
    };
}

#[cfg(feature = "tokio")]
driver!(
    CurrentThread,
    |future| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future),
    redsync_redis_rs::runtime::TokioRuntime::current().unwrap()
);

#[cfg(feature = "tokio")]
driver!(
    MultiThread,
    |future| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future),
    redsync_redis_rs::runtime::TokioRuntime::current().unwrap()
);

#[cfg(feature = "smol")]
driver!(Smol, |future| smol::block_on(future), redsync_redis_rs::runtime::SmolRuntime);
