//! What every driver has to pass, on each runtime.
#![allow(clippy::unwrap_used, reason = "helpers of tests state what they expect, too")]

use std::{future::Future, sync::Arc};

use redsync_redis_rs::{BoxFuture, Node, RedisNode, Runtime};
use redsync_testkit::conformance::Driver;

async fn open(url: &str) -> Arc<dyn Node> {
    Arc::new(RedisNode::open(url).unwrap())
}

#[cfg(feature = "tokio")]
mod tokio_current_thread {
    use super::*;
    use redsync_redis_rs::runtime::TokioRuntime;

    struct RedisRs;

    impl Driver for RedisRs {
        fn block_on(case: BoxFuture<'_, ()>) {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case);
        }

        fn runtime() -> Arc<dyn Runtime> {
            Arc::new(TokioRuntime::current().unwrap())
        }

        fn open(url: &str) -> impl Future<Output = Arc<dyn Node>> + Send {
            open(url)
        }
    }

    redsync_testkit::conformance!(RedisRs);
}

#[cfg(feature = "tokio")]
mod tokio_multi_thread {
    use super::*;
    use redsync_redis_rs::runtime::TokioRuntime;

    struct RedisRs;

    impl Driver for RedisRs {
        fn block_on(case: BoxFuture<'_, ()>) {
            tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(case);
        }

        fn runtime() -> Arc<dyn Runtime> {
            Arc::new(TokioRuntime::current().unwrap())
        }

        fn open(url: &str) -> impl Future<Output = Arc<dyn Node>> + Send {
            open(url)
        }
    }

    redsync_testkit::conformance!(RedisRs);
}

#[cfg(feature = "smol")]
mod smol {
    use super::*;
    use redsync_redis_rs::runtime::SmolRuntime;

    struct RedisRs;

    impl Driver for RedisRs {
        fn block_on(case: BoxFuture<'_, ()>) {
            ::smol::block_on(case);
        }

        fn runtime() -> Arc<dyn Runtime> {
            Arc::new(SmolRuntime)
        }

        fn open(url: &str) -> impl Future<Output = Arc<dyn Node>> + Send {
            open(url)
        }
    }

    redsync_testkit::conformance!(RedisRs);
}
