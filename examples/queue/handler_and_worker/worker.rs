//! The worker: does the jobs of the queue, under the locks that come with them.

use std::{fmt, sync::Arc, time::Duration};

use redsync_fred::{Redsync, connect};
use redsync_queue::{Outcome, Processed, Source, Told, Untold, Work, consume};
use tokio::time::{sleep, timeout};

use crate::{
    BoxError,
    args::{Broker, Place, Worker},
    broker::{amqp, nats, streams},
    stop::Stop,
};

/// Before a broker is asked again that has failed.
const PAUSE: Duration = Duration::from_secs(1);

struct Bench {
    name: String,
    worker: redsync_queue::Worker,
    work: Duration,
    grace: Duration,
    stop: Stop,
}

/// Why a report was not written.
#[derive(Debug)]
struct Stopped;

pub(crate) async fn run(place: Place, options: Worker) -> Result<(), BoxError> {
    let stop = Stop::on_signals()?;
    let redsync = connect(&place.locks).await?;
    let Worker { name, work, grace } = options;
    let worker = redsync_queue::Worker::new(redsync.clone());
    let bench = Bench { name, worker, work, grace, stop: stop.clone() };
    while !stop.has_come() {
        if let Err(error) = bench.serve(&place, &redsync).await {
            eprintln!("worker {}: {error}", bench.name);
        }
        tokio::select! {
            () = stop.clone().wait() => {}
            () = sleep(PAUSE) => {}
        }
    }
    if timeout(place.ttl, redsync.shutdown()).await.is_err() {
        eprintln!("worker {}: some locks are left to their TTL", bench.name);
    }
    println!("worker {}: has ended", bench.name);
    Ok(())
}

impl Bench {
    /// Until it is to end, or the broker has failed.
    async fn serve(&self, place: &Place, redsync: &Redsync) -> Result<(), BoxError> {
        let Place { broker, url, ttl, .. } = place;
        match broker {
            Broker::Amqp => {
                let runtime = Arc::clone(redsync.runtime());
                let (_connection, jobs) = amqp::consume(url, runtime).await?;
                self.work(jobs, redsync_queue::amqp::Delivery::body).await
            }
            Broker::Nats => {
                let jobs = nats::consume(url, *ttl).await?;
                self.work(jobs, redsync_queue::nats::Delivery::body).await
            }
            Broker::Streams => {
                let jobs = streams::consume(url, redsync, &self.name, *ttl)?;
                self.work(jobs, redsync_queue::streams::Delivery::body).await
            }
        }
    }

    /// One after the other; the one that is begun is finished, or given back when there is no time left.
    async fn work<S: Source>(&self, mut jobs: S, body: impl Fn(&S::Message) -> &[u8]) -> Result<(), BoxError>
    where
        S::Error: Into<BoxError>,
    {
        println!("worker {}: waits for jobs", self.name);
        let body = &body;
        let each = |job| async move {
            let report = String::from_utf8_lossy(body(&job));
            let processed = self.worker.process(&job, |work| self.write(&report, work)).await;
            println!("worker {}: report {report}: {}", self.name, told(&processed));
        };
        consume(&mut jobs, 1, self.stop.clone().wait(), each).await.map_err(Into::into)
    }

    /// Takes its time, and does it under the number by which a table would refuse a worker that is late.
    async fn write(&self, report: &str, work: Work) -> Result<(), Stopped> {
        let fence = work.fence.unwrap_or_default();
        println!("worker {}: report {report}: has begun, with the fencing number {fence}", self.name);
        tokio::select! {
            () = sleep(self.work) => Ok(()),
            () = self.no_time_left() => Err(Stopped),
        }
    }

    async fn no_time_left(&self) {
        self.stop.clone().wait().await;
        sleep(self.grace).await;
    }
}

/// What happened to a job, in words.
fn told<B: fmt::Display>(processed: &Processed<(), Stopped, B>) -> String {
    let outcome = match &processed.outcome {
        Outcome::Done(()) => "done".to_owned(),
        Outcome::Failed(why) => format!("failed, and the lock is the job's again: {why}"),
        Outcome::GivenUp(why) => format!("failed for good: {why}"),
        Outcome::Lost(why) => format!("stopped: {why}"),
        Outcome::NotLocked(why) => format!("not worked on: {why}"),
    };
    match &processed.told {
        Ok(Told::Acknowledged | Told::Nothing) => outcome,
        Ok(Told::ToDeliverAgain(after)) => format!("{outcome}; comes again after {after:?}"),
        Ok(Told::DeadLettered) => format!("{outcome}; is with the dead letters"),
        Err(Untold::Failed(error)) => format!("{outcome}; but the broker was not told: {error}"),
        Err(Untold::Unheard) => format!("{outcome}; but the broker has not answered"),
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the worker is to end")
    }
}
