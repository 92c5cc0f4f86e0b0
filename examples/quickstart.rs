//! A handler takes a lock and a worker elsewhere releases it, while a rival has to wait.
//!
//! `cargo run --example quickstart` plays it on five nodes in memory. With URLs it plays on real servers:
//! `cargo run --example quickstart -- redis://127.0.0.1:7001 redis://127.0.0.1:7002 redis://127.0.0.1:7003`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells a story")]

use std::{env, error::Error, process::ExitCode, time::Duration};

use redsync_redis_rs::{Delay, ErrorKind, Redsync, connect, runtime};
use redsync_testkit::memory::MemoryNode;
use tokio::sync::{mpsc, oneshot};

/// What the handler puts into the queue: the job, and the value that its lock was taken with.
struct Job {
    report: u32,
    lock_value: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match play().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn play() -> Result<(), Box<dyn Error + Send + Sync>> {
    let redsync = nodes(env::args().skip(1).collect()).await?;
    let (queue, jobs) = mpsc::channel(16);
    let (started, work_has_begun) = oneshot::channel();
    let worker = tokio::spawn(work(redsync.clone(), jobs, started));

    handle_request(&redsync, &queue).await?;
    work_has_begun.await?;
    be_refused(&redsync).await?;
    be_admitted(&redsync).await?;

    drop(queue);
    worker.await??;
    redsync.settled().await;
    Ok(())
}

/// Five nodes in memory, or the servers that the URLs name.
async fn nodes(urls: Vec<String>) -> Result<Redsync, Box<dyn Error + Send + Sync>> {
    if urls.is_empty() {
        println!("Playing on five nodes in memory; name the URLs of real servers to play on those.\n");
        let runtime = runtime::locate()?;
        let nodes = (1..=5).map(|number| MemoryNode::new(runtime.clone()).named(format!("memory-{number}")));
        return Ok(Redsync::builder(runtime.clone()).nodes(nodes).build()?);
    }
    println!("Playing on {}.\n", urls.join(", "));
    Ok(connect(urls).await?)
}

/// Takes the lock with a value of its own choice, queues both, and is done.
async fn handle_request(
    redsync: &Redsync,
    queue: &mpsc::Sender<Job>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let lock_value = format!("job-1138-of-process-{}", std::process::id());
    let guard =
        redsync.mutex("report:7").ttl(Duration::from_secs(10)).with_value(&*lock_value).lock().await?;
    println!(
        "handler: took the lock on report:7 and queued the job; it is held for {:.1?}",
        guard.valid_for()
    );
    queue.send(Job { report: 7, lock_value }).await?;
    // From here on the lock is the worker's; should the worker die, it ends with its TTL.
    guard.leave();
    Ok(())
}

/// Carries each job's lock on by its value.
async fn work(
    redsync: Redsync,
    mut jobs: mpsc::Receiver<Job>,
    started: oneshot::Sender<()>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut started = Some(started);
    while let Some(Job { report, lock_value }) = jobs.recv().await {
        let lock = redsync.mutex(format!("report:{report}")).with_value(lock_value);
        lock.extend().await?;
        println!("worker:  got the job, extended its lock, and writes report {report}");
        if let Some(started) = started.take() {
            let _ = started.send(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let released = lock.unlock().await?;
        println!("worker:  done, released the lock ({released:?})");
    }
    Ok(())
}

/// A rival asks once while the worker is at work.
async fn be_refused(redsync: &Redsync) -> Result<(), Box<dyn Error + Send + Sync>> {
    match redsync.mutex("report:7").try_lock().await {
        Err(error) if error.kind() == ErrorKind::Taken => {
            println!("rival:   refused: {error}");
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err("two holders at once: this must not happen".into()),
    }
}

/// The rival goes on asking.
async fn be_admitted(redsync: &Redsync) -> Result<(), Box<dyn Error + Send + Sync>> {
    let rival = redsync.mutex("report:7").tries(100).retry_delay(Delay::Constant(Duration::from_millis(50)));
    let guard = rival.lock().await?;
    println!("rival:   admitted, now that the worker is done");
    guard.release().await?;
    Ok(())
}
