//! A lock goes through a queue with its job: a handler takes it and answers at once, a worker carries it on.
//!
//! `cargo run --example handler_and_worker` plays it on three nodes in memory and a channel of Tokio's. The queue
//! delivers the job twice, and the first try at it fails: of the two deliveries one gets the lock, and the job that is
//! delivered anew gets it again. With URLs it plays on real servers, as the quickstart does.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells a story")]

use std::{env, error::Error, process::ExitCode, time::Duration};

use redsync_redis_rs::{ErrorKind, LockToken, Redsync, connect, runtime};
use redsync_testkit::memory::MemoryNode;
use tokio::sync::{mpsc, oneshot};

/// What the handler puts into the queue: the job, and the lock that goes with it.
#[derive(Clone)]
struct Job {
    report: u32,
    lock: LockToken,
}

/// What a worker tells the queue about a delivery.
#[derive(Debug, PartialEq)]
enum Acknowledgement {
    /// It is done.
    Done,
    /// It failed, and the next delivery may try.
    DeliverAnew,
    /// Another delivery of it is being worked at. It is not done, so it may not be acknowledged.
    DeliverLater,
}

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match play().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("handler_and_worker: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the queue does: it delivers the job to a worker, to a second one while the first is at work, and once more when
/// the first has failed.
async fn play() -> Result<(), BoxError> {
    let redsync = nodes(env::args().skip(1).collect()).await?;
    let (queue, mut jobs) = mpsc::channel(16);
    handle_request(&redsync, 7, &queue).await?;
    let job = jobs.recv().await.ok_or("the queue is empty")?;

    let (begun, has_begun) = oneshot::channel();
    let (fail, failure) = oneshot::channel();
    let report = async {
        let _ = begun.send(());
        Err(failure.await.unwrap_or("nobody said why"))
    };
    let first = tokio::spawn(work("worker 1", redsync.clone(), job.clone(), report));
    has_begun.await?;
    let second = work("worker 2", redsync.clone(), job.clone(), async { Ok(()) }).await?;
    expect(second, Acknowledgement::DeliverLater)?;
    let _ = fail.send("the disk is full");
    expect(first.await??, Acknowledgement::DeliverAnew)?;

    queue.send(job).await?;
    let job = jobs.recv().await.ok_or("the queue is empty")?;
    let again = work("worker 2", redsync.clone(), job, async { Ok(()) }).await?;
    expect(again, Acknowledgement::Done)?;
    redsync.settled().await;
    Ok(())
}

/// Three nodes in memory, or the servers that the URLs name.
async fn nodes(urls: Vec<String>) -> Result<Redsync, BoxError> {
    if urls.is_empty() {
        println!("Playing on three nodes in memory; name the URLs of real servers to play on those.\n");
        let runtime = runtime::locate()?;
        let nodes = (1..=3).map(|number| MemoryNode::new(runtime.clone()).named(format!("memory-{number}")));
        return Ok(Redsync::builder(runtime.clone()).nodes(nodes).build()?);
    }
    println!("Playing on {}.\n", urls.join(", "));
    Ok(connect(urls).await?)
}

/// Takes the lock, queues it with the job, and answers. Whoever else asks for this report meanwhile is refused.
async fn handle_request(redsync: &Redsync, report: u32, queue: &mpsc::Sender<Job>) -> Result<(), BoxError> {
    let guard = redsync.mutex(format!("report:{report}")).ttl(Duration::from_secs(10)).lock().await?;
    // The longest that the job may wait in the queue, deliveries anew included. The 10 s are the worker's then.
    let lock = guard.hand_over(Duration::from_secs(600)).await?;
    queue.send(Job { report, lock }).await?;
    println!("handler:  202 Accepted; report {report} is queued, and its lock with it");
    Ok(())
}

/// Works at one delivery of a job.
async fn work(
    worker: &str,
    redsync: Redsync,
    job: Job,
    report: impl Future<Output = Result<(), &str>>,
) -> Result<Acknowledgement, BoxError> {
    let guard = match redsync.adopt(&job.lock).await {
        Ok(guard) => guard,
        Err(error) if error.kind() == ErrorKind::AlreadyAdopted => {
            println!("{worker}: left the delivery alone: {error}");
            return Ok(Acknowledgement::DeliverLater);
        }
        Err(error) => return Err(error.into()),
    };
    println!("{worker}: adopted the lock, and writes report {}", job.report);
    match report.await {
        Ok(()) => {
            // A queue that keeps what is not acknowledged is told first: whoever crashes between the two leaves a lock
            // that somebody has to wait for, and not a job that is done twice.
            println!("{worker}: done, released the lock ({:?})", guard.release().await?);
            Ok(Acknowledgement::Done)
        }
        Err(trouble) => {
            guard.hand_back(&job.lock).await?;
            println!("{worker}: failed ({trouble}), and gave the lock back to the job");
            Ok(Acknowledgement::DeliverAnew)
        }
    }
}

fn expect(said: Acknowledgement, expected: Acknowledgement) -> Result<(), BoxError> {
    if said == expected { Ok(()) } else { Err(format!("{said:?} instead of {expected:?}").into()) }
}
