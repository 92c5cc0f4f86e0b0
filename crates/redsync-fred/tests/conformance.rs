//! What every driver has to pass, on each kind of runtime.
#![allow(clippy::unwrap_used, reason = "helpers of tests state what they expect, too")]

use std::sync::Arc;

use redsync_fred::{BoxFuture, Node, RedisNode, Runtime, runtime::TokioRuntime};
use redsync_testkit::conformance::Driver;

async fn open(url: &str) -> Arc<dyn Node> {
    Arc::new(RedisNode::open(url).unwrap())
}

mod tokio_current_thread {
    use super::*;

    struct Fred;

    impl Driver for Fred {
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

    redsync_testkit::conformance!(Fred);
}

mod tokio_multi_thread {
    use super::*;

    struct Fred;

    impl Driver for Fred {
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

    redsync_testkit::conformance!(Fred);
}
