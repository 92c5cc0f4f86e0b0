//! The program of the book's quick start: three servers, one lock.

// ANCHOR: all
use std::{error::Error, time::Duration};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let servers = ["redis://127.0.0.1:7001", "redis://127.0.0.1:7002", "redis://127.0.0.1:7003"];
    let redsync = redsync_redis_rs::connect(servers).await?;

    let guard = redsync.mutex("invoice:42").ttl(Duration::from_secs(10)).lock().await?;
    let sent = guard.keep(send_invoice()).await?; // extended meanwhile; stopped if the lock is lost
    guard.release().await?; // tells whether it was still held

    redsync.shutdown().await; // what is left to clean up in the background
    sent
}
// ANCHOR_END: all

async fn send_invoice() -> Result<(), Box<dyn Error>> {
    Ok(())
}
