//! Ten instances of a service have the same job in their schedule, and each time one of them runs it.
//!
//! `cargo run --example cron` plays it on three nodes in memory. With URLs it plays on real servers:
//! `cargo run --example cron -- redis://127.0.0.1:6379`.

#![expect(clippy::print_stdout, reason = "it tells a story")]

use std::{env, error::Error, process, time::Duration};

use redsync_redis_rs::{ErrorKind, Redsync, connect, runtime};
use redsync_testkit::memory::MemoryNode;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

type BoxError = Box<dyn Error + Send + Sync>;

const INSTANCES: u32 = 10;
const TIMES: u32 = 3;
/// How often the job is due.
const PERIOD: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let urls: Vec<_> = env::args().skip(1).collect();
    let runtime = runtime::locate()?;
    let nodes: Vec<_> = (0..3).map(|_| MemoryNode::new(runtime.clone())).collect();
    // Locks that are left stand for their TTL, also for the next who plays this on the same servers. The instances of a
    // service are processes of their own: for those the name has to be the same everywhere, without a process's number.
    let job = format!("cron:{}:report", process::id());
    let (begun, mut instances) = (Instant::now(), JoinSet::new());
    for number in 1..=INSTANCES {
        // As a process of its own would have it.
        let redsync = match urls.is_empty() {
            true => Redsync::builder(runtime.clone()).nodes(nodes.clone()).build()?,
            false => connect(urls.clone()).await?,
        };
        instances.spawn(instance(number, redsync, job.clone(), begun));
    }
    let mut ran = vec![Vec::new(); TIMES as usize];
    while let Some(instance) = instances.join_next().await {
        let (number, times) = instance??;
        ran.iter_mut().zip(times).filter(|(_, has_run)| *has_run).for_each(|(who, _)| who.push(number));
    }
    for (time, who) in (1..).zip(ran) {
        let [number] = who[..] else { return Err(format!("run {time} was done by {who:?}").into()) };
        println!("run {time}: done by instance {number}, left alone by the other {}", INSTANCES - 1);
    }
    Ok(())
}

/// Says which of the times it was this instance that ran the job.
async fn instance(
    number: u32,
    redsync: Redsync,
    job: String,
    begun: Instant,
) -> Result<(u32, Vec<bool>), BoxError> {
    let mut times = Vec::new();
    for time in 1..=TIMES {
        // Clocks differ: the last one comes when the first may be done long since.
        let late = Duration::from_millis(20) * ((number + 3 * time) % INSTANCES);
        sleep_until(begun + PERIOD * time + late).await;
        times.push(run_once(&redsync, format!("{job}:{time}")).await?);
    }
    Ok((number, times))
}

// ANCHOR: once
/// Runs the job of this name, which has the time in it that the job is due at, unless another instance does or did.
async fn run_once(redsync: &Redsync, name: String) -> Result<bool, BoxError> {
    // The TTL is longer than clocks differ and than the job may take. Of two who share the nodes neither has the lock at
    // first, and so there is more than one try.
    let mutex = redsync.mutex(name).ttl(Duration::from_secs(60)).tries(5);
    match mutex.lock().await {
        Ok(guard) => {
            write_report().await;
            // Not released: who comes later has to find it taken.
            guard.leave();
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::Taken => Ok(false),
        Err(error) => Err(error.into()),
    }
}
// ANCHOR_END: once

async fn write_report() {
    tokio::task::yield_now().await;
}
