//! The program of the book's quick start: three servers, one lock.

// ANCHOR: all
use std::{error::Error, time::Duration};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let servers =
        ["redis://127.0.0.1:7001", "redis://127.0.0.1:7002", "redis://127.0.0.1:7003"];
    let redsync = redsync_redis_rs::connect(servers).await?;

    let guard = redsync.mutex("invoice:42").ttl(Duration::from_secs(10)).lock().await?;
    // The lock is extended meanwhile, and the work stopped if it is lost.
    let sent = guard.keep(send_invoice()).await?;
    guard.release().await?; // tells whether it was still held

    // What is left to do in the background.
    redsync.shutdown().await;
    sent
}
// ANCHOR_END: all

/// Returns what became of it.
async fn send_invoice() -> Result<(), Box<dyn Error>> {
    Ok(())
}
