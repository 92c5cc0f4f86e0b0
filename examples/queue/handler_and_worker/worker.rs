//! The worker: does the jobs of the queue, under the locks that come with them.

use std::{fmt, sync::Arc, time::Duration};

use redsync_fred::{Redsync, connect};
use redsync_queue::{Message, Outcome, Processed, Told, Work};
use tokio::time::{sleep, timeout};

use crate::{
    BoxError,
    args::{Broker, Place, Worker},
    broker::{Inbox, amqp, nats, streams},
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
            Broker::Amqp => self.work(amqp::Inbox::connect(url, Arc::clone(redsync.runtime())).await?).await,
            Broker::Nats => self.work(nats::Inbox::connect(url, *ttl).await?).await,
            Broker::Streams => self.work(streams::Inbox::connect(url, redsync, &self.name, *ttl)?).await,
        }
    }

    async fn work<I: Inbox>(&self, mut inbox: I) -> Result<(), BoxError> {
        println!("worker {}: waits for jobs", self.name);
        loop {
            let job = tokio::select! {
                biased;
                () = self.stop.clone().wait() => return Ok(()),
                job = inbox.receive() => job?,
            };
            let Some(job) = job else { return Ok(()) };
            self.process::<I>(&job).await;
        }
    }

    async fn process<I: Inbox>(&self, job: &I::Job) {
        let report = String::from_utf8_lossy(I::report(job));
        let processed = self.worker.process(job, |work| self.write(&report, work)).await;
        println!("worker {}: report {report}: {}", self.name, told::<I>(&processed));
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
fn told<I: Inbox>(processed: &Processed<(), Stopped, <I::Job as Message>::Error>) -> String {
    let outcome = match &processed.outcome {
        Outcome::Done(()) => "done".to_owned(),
        Outcome::Failed(why) => format!("failed, and the lock is the job's again: {why}"),
        Outcome::Lost(why) => format!("stopped: {why}"),
        Outcome::NotLocked(why) => format!("not worked on: {why}"),
    };
    match &processed.told {
        Ok(Told::Acknowledged) => outcome,
        Ok(Told::ToDeliverAgain(after)) => format!("{outcome}; comes again after {after:?}"),
        Ok(Told::DeadLettered) => format!("{outcome}; is with the dead letters"),
        Err(error) => format!("{outcome}; but the broker was not told: {error}"),
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the worker is to end")
    }
}
