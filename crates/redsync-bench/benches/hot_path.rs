//! The hot path by itself: nodes in memory answer at once, so that what is left is the core's and the runtime's own time.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use redsync_core::{Mutex, Redsync};
use redsync_redis_rs::runtime::TokioRuntime;
use redsync_testkit::memory::MemoryNode;
use tokio::runtime::{Builder, Runtime};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Builder::new_current_thread().enable_all().build();
    #[expect(clippy::expect_used, reason = "there is nothing to measure without it")]
    let runtime = runtime.expect("a runtime");
    for nodes in [1, 3, 5] {
        bench(&mut criterion, &runtime, nodes);
    }
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, runtime: &Runtime, nodes: usize) {
    let redsync = in_memory(runtime, nodes);
    let mut group = criterion.benchmark_group(format!("{nodes} in memory"));
    group.throughput(Throughput::Elements(1));
    let name = "report:7";
    group.bench_function("mutex", |bench| bench.iter(|| black_box(redsync.mutex(name))));
    let mut cycles = |what: &str, mutex: Mutex| {
        group.bench_function(what, |bench| bench.iter(|| runtime.block_on(cycle(&mutex))));
    };
    cycles("lock + release", redsync.mutex(name));
    cycles("lock + release, fenced", redsync.mutex("fenced").fenced());
    cycles("lock + release, renewed", redsync.mutex("renewed").auto_extend(true));
    group.finish();
}

#[expect(clippy::expect_used, reason = "nodes in memory do not fail by themselves")]
async fn cycle(mutex: &Mutex) {
    mutex.lock().await.expect("granted").release().await.expect("released");
}

#[expect(clippy::expect_used, reason = "it runs within a runtime")]
fn in_memory(runtime: &Runtime, nodes: usize) -> Redsync {
    let _entered = runtime.enter();
    let shared = TokioRuntime::shared().expect("a runtime");
    let node = |_| MemoryNode::new(shared.clone());
    Redsync::builder(shared.clone()).nodes((0..nodes).map(node)).build().expect("some nodes")
}
