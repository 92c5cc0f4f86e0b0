//! Work that takes longer than its lock's TTL: `keep` extends the lock meanwhile, and stops the work before the lock is
//! somebody else's.
//!
//! `cargo run --example keep_alive` plays it on three nodes in memory, since it has them hang.

#![expect(clippy::print_stdout, reason = "it tells a story")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use redsync_redis_rs::{ErrorKind, Loss, Redsync, runtime};
use redsync_testkit::memory::MemoryNode;
use tokio::time::sleep;

type BoxError = Box<dyn Error + Send + Sync>;

const TTL: Duration = Duration::from_millis(1500);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let runtime = runtime::locate()?;
    let nodes: Vec<_> = (0..3).map(|_| MemoryNode::new(runtime.clone())).collect();
    let redsync = Redsync::builder(runtime).nodes(nodes.clone()).build()?;
    work_for_longer_than_the_ttl(&redsync).await?;
    be_stopped_in_time(&redsync, &nodes).await?;
    nodes.iter().for_each(MemoryNode::resume);
    redsync.settled().await;
    Ok(())
}

/// The lock is extended after a third of its TTL, again and again.
async fn work_for_longer_than_the_ttl(redsync: &Redsync) -> Result<(), BoxError> {
    let guard = redsync.mutex("report:7").ttl(TTL).lock().await?;
    let (mut refused, begun) = (0, Instant::now());
    let work = async {
        for _ in 0..30 {
            sleep(Duration::from_millis(100)).await;
            match redsync.mutex("report:7").try_lock().await {
                Err(error) if error.kind() == ErrorKind::Taken => refused += 1,
                Err(error) => return Err(BoxError::from(error)),
                Ok(_) => return Err("two holders at once: this must not happen".into()),
            }
        }
        Ok(())
    };
    guard.keep(work).await??;
    println!(
        "worked for {:.1?} under a lock of {TTL:.1?}; a rival was refused {refused} times",
        begun.elapsed()
    );
    println!("released: {:?}", guard.release().await?);
    Ok(())
}

/// Nobody can extend the lock, so it runs out. The work is dropped a margin before that, whether or not any node answers.
async fn be_stopped_in_time(redsync: &Redsync, nodes: &[MemoryNode]) -> Result<(), BoxError> {
    let guard = redsync.mutex("report:7").ttl(TTL).loss_margin(Duration::from_millis(100)).lock().await?;
    nodes.iter().for_each(MemoryNode::pause);
    match guard.keep(sleep(TTL * 10)).await {
        Err(lost) if lost.loss() == Loss::Expiring => {
            println!("all nodes hang: the work was stopped: {lost}");
            println!("the lock was still ours then: {}", guard.is_valid());
            guard.leave();
            Ok(())
        }
        Err(lost) => Err(lost.into()),
        Ok(()) => Err("work without a lock: this must not happen".into()),
    }
}
