//! Five servers: locks are had while two of them are down or hang, and with three away an error names each.
//!
//! `cargo run --example five_nodes` starts five servers of its own, kills two, stops a third, and lets it go on. It needs a
//! `redis-server` or `valkey-server` on the PATH, or named by `REDSYNC_SERVER`.

#![expect(clippy::print_stdout, reason = "it tells a story")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use redsync_redis_rs::{ErrorKind, Redsync, connect};
use redsync_testkit::server::Servers;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let servers = Servers::start(5)?;
    let redsync = connect(servers.urls()).await?;
    println!("five servers: {}", servers.urls().join(", "));
    take(&redsync, "all are up").await?;

    let [first, second, third, ..] = &*servers else { return Err("there are five".into()) };
    first.kill();
    second.kill();
    take(&redsync, "two are down").await?;

    third.pause()?;
    be_refused(&redsync).await?;

    third.resume()?;
    take(&redsync, "one is back").await
}

/// Takes the lock and gives it back.
async fn take(redsync: &Redsync, when: &str) -> Result<(), BoxError> {
    let begun = Instant::now();
    let guard = redsync.mutex("report:7").lock().await?;
    let (took, valid_for) = (begun.elapsed(), guard.valid_for());
    println!("{when}: took the lock in {took:.1?}, and nobody else can have it for {valid_for:.1?}");
    guard.release().await?;
    // Those that have not answered are told in the background, for a TTL at most: not waited for here.
    Ok(())
}

/// With three away there is no majority. Whether they are dead or only slow cannot be known, so nobody gets the lock.
async fn be_refused(redsync: &Redsync) -> Result<(), BoxError> {
    let mutex = redsync.mutex("report:7").node_timeout(Duration::from_millis(200));
    match mutex.try_lock().await {
        Err(error) if error.kind() == ErrorKind::Unreachable => {
            println!("two are down and one hangs: {}, and this is what each node said:", error.kind());
            error.nodes().iter().for_each(|node| println!("  {node}"));
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err("a lock without a majority: this must not happen".into()),
    }
}
