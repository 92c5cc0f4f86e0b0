//! This driver on each kind of runtime, for the lists of tests that all drivers share.

use std::{future::Future, sync::Arc};

use redsync_fred::{BoxFuture, Node, RedisNode, Runtime, runtime::TokioRuntime};
use redsync_testkit::{conformance, topology};
use tokio::runtime::Builder;

use super::places::reach;

/// Implements the drivers of both lists for a type, by how its runtime is built.
macro_rules! driver {
    ($driver:ident, $builder:expr) => {
        pub(crate) struct $driver;

        impl conformance::Driver for $driver {
            fn block_on(future: BoxFuture<'_, ()>) {
                $builder.enable_all().build().unwrap().block_on(future);
            }

            fn runtime() -> Arc<dyn Runtime> {
                Arc::new(TokioRuntime::current().unwrap())
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

driver!(CurrentThread, Builder::new_current_thread());
driver!(MultiThread, Builder::new_multi_thread());
