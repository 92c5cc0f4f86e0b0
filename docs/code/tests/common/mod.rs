//! Locks on nodes in memory, for what the book shows.

// ANCHOR: all
use redsync_redis_rs::{Redsync, runtime};
use redsync_testkit::memory::MemoryNode;

/// Locks on three nodes in memory, and the nodes.
pub(crate) fn three_nodes() -> (Redsync, Vec<MemoryNode>) {
    let runtime = runtime::locate().expect("in a Tokio runtime");
    let node = |name| MemoryNode::new(runtime.clone()).named(name);
    let nodes = ["memory-1", "memory-2", "memory-3"].map(node).to_vec();
    let builder = Redsync::builder(runtime).nodes(nodes.clone());
    (builder.build().expect("three nodes"), nodes)
}
// ANCHOR_END: all
