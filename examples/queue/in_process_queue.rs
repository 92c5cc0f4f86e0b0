//! A lock goes through a queue with its job: a handler takes it and answers at once, a worker carries it on.
//!
//! `cargo run --example in_process_queue` plays it on three nodes in memory and a queue within the process. The job comes
//! twice, as queues do deliver twice, and the first try at it fails: of the two deliveries one gets the lock, the job comes
//! again with its lock, and the second delivery finds the work done. With URLs it plays on real servers, as the quickstart
//! does. With a broker, between two processes, it is the example `handler_and_worker`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells a story")]

use std::{
    convert::Infallible,
    env,
    error::Error,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redsync_queue::{
    Envelope, Outcome, Policy, Processed, PublishError, Work, Worker,
    channel::{Delivery, Headers, Sender, channel},
    hand_over,
};
use redsync_redis_rs::{Redsync, connect, runtime};
use redsync_testkit::memory::MemoryNode;
use tokio::sync::oneshot;

/// What the handler puts into the queue. Its lock is in the headers.
#[derive(Clone, Copy)]
struct Job {
    report: u32,
}

/// Where the workers write: the last report, and the fencing number that it was written with.
type Table = Mutex<Option<u64>>;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match play().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("in_process_queue: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn play() -> Result<(), BoxError> {
    let redsync = nodes(env::args().skip(1).collect()).await?;
    let (queue, mut jobs) = channel(Arc::clone(redsync.runtime()), 16);
    handle_request(&redsync, 7, &queue).await?;
    drop(queue);

    let worker =
        Worker::new(redsync.clone()).policy(Policy::default().retry_after(Duration::from_millis(200)));
    let delivered = "the queue is empty";
    let (first, second) = (jobs.receive().await.ok_or(delivered)?, jobs.receive().await.ok_or(delivered)?);
    two_at_once(&worker, &first, &second).await;

    // The one comes again at once, the other when the lock that it has met is over in any case.
    let table = Table::default();
    while let Some(delivery) = jobs.receive().await {
        let Job { report } = *delivery.body();
        let processed = worker.process(&delivery, |work| write(report, work, &table)).await;
        tell("worker 2", &processed);
    }
    println!("queue:    empty");
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

// ANCHOR: handler
/// Takes the lock, queues it with the job, and answers. Whoever else asks for this report meanwhile is refused.
async fn handle_request(redsync: &Redsync, report: u32, queue: &Sender<Job>) -> Result<(), BoxError> {
    let mutex = redsync.mutex(format!("report:{report}")).ttl(Duration::from_secs(2)).fenced();
    let guard = mutex.lock().await?;
    // The longest that the job may wait in the queue, deliveries anew included. The 2 s are the worker's then.
    hand_over(guard, Duration::from_secs(600), |token| async move {
        let mut headers = Headers::new();
        Envelope::plain().put(&token, &mut headers);
        let job = Job { report };
        queue.send(headers.clone(), job).await.map_err(PublishError::NotPublished)?;
        // As a client does that has not heard whether the first one came through.
        queue.send(headers, job).await.map_err(PublishError::Unknown)
    })
    .await?;
    println!("handler:  202 Accepted; report {report} is queued, and its lock with it");
    match mutex.try_lock().await {
        Ok(_) => Err("a second request was admitted: this must not happen".into()),
        Err(error) => {
            println!("handler:  409 Conflict for the next request: {error}");
            Ok(())
        }
    }
}
// ANCHOR_END: handler

/// Gives one delivery to a worker, and the other one to a second worker while the first is at work.
async fn two_at_once(worker: &Worker, first: &Delivery<Job>, second: &Delivery<Job>) {
    let (begun, has_begun) = oneshot::channel();
    let (fail, failure) = oneshot::channel();
    let one = worker.process(first, |_| async {
        println!("worker 1: adopted the lock, and writes report {}", first.body().report);
        let _ = begun.send(());
        Err::<(), _>(failure.await.unwrap_or("nobody said why"))
    });
    let other = async {
        let _ = has_begun.await;
        let processed = worker.process(second, |_| async { Ok::<_, &str>(()) }).await;
        tell("worker 2", &processed);
        let _ = fail.send("the disk is full");
    };
    let (processed, ()) = tokio::join!(one, other);
    tell("worker 1", &processed);
}

/// Makes the work safe to repeat: what is written already is not written again.
async fn write(report: u32, work: Work, table: &Table) -> Result<(), &'static str> {
    let fence = work.fence.ok_or("the lock was not taken fenced")?;
    let mut written_by = table.lock().unwrap_or_else(PoisonError::into_inner);
    match *written_by {
        Some(_) => println!("worker 2: adopted the lock, and finds report {report} written"),
        None => {
            println!("worker 2: adopted the lock, and writes report {report}");
            *written_by = Some(fence);
        }
    }
    Ok(())
}

/// What became of a delivery, and what the queue was told of it.
fn tell(worker: &str, processed: &Processed<(), &str, Infallible>) {
    let outcome = match &processed.outcome {
        Outcome::Done(()) => "done, and released the lock".to_owned(),
        Outcome::Failed(trouble) => format!("failed ({trouble}), and gave the lock back to the job"),
        Outcome::GivenUp(trouble) => format!("failed for good ({trouble}), and released the lock"),
        Outcome::Lost(why) => format!("stopped: {why}"),
        Outcome::NotLocked(why) => format!("left the delivery alone: {why}"),
    };
    match &processed.told {
        Ok(told) => println!("{worker}: {outcome} ({told:?})"),
        Err(error) => println!("{worker}: {outcome} ({error})"),
    }
}
