//! Renewal where a program has several Tokio runtimes.
#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, reason = "tests state what they expect")]

use std::{sync::Arc, time::Duration};

use redsync_core::{Guard, Redsync};
use redsync_runtime::TokioRuntime;
use redsync_testkit::memory::MemoryNode;
use tokio::runtime::{Builder, Runtime};

/// Long enough for a busy machine to be in time with an extension after a third of it.
const TTL: Duration = Duration::from_millis(1500);

#[test]
fn what_is_kept_is_extended_also_when_the_runtime_ends_that_began_it() {
    // One that has its task run, and one that ends before the task had a turn.
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let (main, short) = (runtime(&mut Builder::new_multi_thread()), runtime(&mut builder));
        let redsync = redsync(&main);
        let first = short.block_on(lock(&redsync, "first", true));
        main.block_on(async {
            let guard = lock(&redsync, "kept", false).await;
            let work = async {
                tokio::time::sleep(TTL / 10).await;
                short.shutdown_background();
                tokio::time::sleep(TTL).await;
            };
            guard.keep(work).await.expect("its own runtime goes on");
        });
        drop(first);
    }
}

fn runtime(builder: &mut Builder) -> Runtime {
    builder.worker_threads(1).enable_all().build().expect("a runtime")
}

fn redsync(runtime: &Runtime) -> Redsync {
    let runtime: Arc<dyn redsync_core::Runtime> = Arc::new(TokioRuntime::from(runtime.handle().clone()));
    Redsync::builder(Arc::clone(&runtime)).node(MemoryNode::new(runtime)).build().expect("a valid quorum")
}

async fn lock(redsync: &Redsync, name: &'static str, renewed: bool) -> Guard {
    redsync.mutex(name).ttl(TTL).auto_extend(renewed).lock().await.expect("free")
}
