//! A worker: a process of its own, which takes jobs out of the queue until it is told to end, or killed.

use std::{
    future::pending,
    io::Read,
    path::PathBuf,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use redsync_core::Redsync;
use redsync_queue::{Message, Otherwise, Outcome, Policy, Processed, Told, Worker, nats, streams};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::{
    Failure, What,
    broker::{Address, Broker, CONNECTS_WITHIN},
    history::{History, Job, Log},
    inbox::{Amqp, Inbox},
};

/// Is the first argument of a worker, before its orders.
pub const WORKER: &str = "worker";

/// How long to leave a broker alone that is away.
const RECONNECT_AFTER: Duration = Duration::from_millis(100);
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How long the locks' clean-up may take at the end.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

/// What a worker is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) address: Address,
    /// The servers that the locks are on.
    pub(crate) locks: Vec<String>,
    pub(crate) history: PathBuf,
    /// How long a job takes.
    pub(crate) work: Duration,
    pub(crate) manner: Manner,
}

/// How a worker works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// It does its jobs, by the default policy.
    Plain,
    /// It begins a job and does not end it, until it is killed.
    Waits,
    /// The first try of each job fails, and no lock is taken anew.
    FailsFirst,
    /// It takes the lock anew where its token has expired.
    LocksAnew,
}

impl Manner {
    /// How many messages may be there at once, those included that are to be delivered again.
    fn ahead(self) -> u16 {
        match self {
            // Others wait for what it leaves.
            Self::Waits => 1,
            // Fewer than the names: jobs that wait for the locks of later ones must not keep those out.
            Self::Plain | Self::FailsFirst | Self::LocksAnew => 8,
        }
    }

    fn policy(self) -> Policy {
        let policy = Policy::default().retry_after(RETRY_AFTER);
        match self {
            Self::Plain | Self::Waits => policy,
            Self::FailsFirst => policy.abandoned(Otherwise::DeadLetter),
            Self::LocksAnew => policy.expired(Otherwise::LockAnew),
        }
    }
}

/// Works by these orders until the standard input ends.
///
/// # Errors
///
/// When it cannot begin, or what it has seen cannot be written down.
pub fn work(orders: &str) -> Result<(), Failure> {
    let orders: Orders = serde_json::from_str(orders)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let redsync = redsync_fred::connect(orders.locks.clone()).await?;
        let log = Log::open(&orders.history)?;
        let hand = Hand {
            worker: Worker::new(redsync.clone()).policy(orders.manner.policy()),
            redsync,
            log,
            orders,
        };
        match hand.orders.address.broker {
            Broker::Streams => hand.work::<streams::Consumer>().await?,
            Broker::Nats => hand.work::<nats::Consumer>().await?,
            Broker::RabbitMq => hand.work::<Amqp>().await?,
        }
        // What it cannot clean up by then is left to the TTL, and found at the end.
        drop(timeout(SETTLES_WITHIN, hand.redsync.shutdown()).await);
        Ok(())
    })
}

/// Resolves when the standard input ends, which the conductor holds.
fn ending() -> oneshot::Receiver<()> {
    let (ends, ending) = oneshot::channel();
    thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        let _ = ends.send(());
    });
    ending
}

struct Hand {
    redsync: Redsync,
    worker: Worker,
    log: Log,
    orders: Orders,
}

impl Hand {
    async fn work<I: Inbox>(&self) -> Result<(), Failure> {
        let mut ending = pin!(ending());
        let mut inbox: Option<I> = None;
        loop {
            let received = tokio::select! {
                biased;
                _ = &mut ending => return Ok(()),
                received = self.receive(&mut inbox) => received,
            };
            match received {
                Ok(delivery) => self.process::<I>(&delivery).await?,
                Err(error) => {
                    complain(&*error);
                    inbox = None;
                    sleep(RECONNECT_AFTER).await;
                }
            }
        }
    }

    async fn receive<I: Inbox>(&self, inbox: &mut Option<I>) -> Result<I::Delivery, Failure> {
        let inbox = match inbox {
            Some(inbox) => inbox,
            none => {
                let open = I::open(&self.orders.address, &self.redsync, self.orders.manner.ahead());
                none.insert(timeout(CONNECTS_WITHIN, open).await??)
            }
        };
        inbox.receive().await
    }

    async fn process<I: Inbox>(&self, delivery: &I::Delivery) -> Result<(), Failure> {
        let job = Job::from_body(I::body(delivery))?;
        self.log.note(if delivery.is_redelivered() { What::Again } else { What::First }, &job, "")?;
        let Processed { outcome, lock, told } = self.worker.process(delivery, |_| self.handle(&job)).await;
        let became = match &outcome {
            Outcome::Done(()) => "done".to_owned(),
            Outcome::Failed(error) | Outcome::GivenUp(error) => with_source(&**error),
            Outcome::Lost(error) => with_source(error),
            Outcome::NotLocked(why) => why.to_string(),
        };
        if matches!(told, Ok(Told::DeadLettered)) {
            self.log.note(What::Dead, &job, &became)?;
        }
        if matches!(outcome, Outcome::NotLocked(_)) {
            self.log.note(What::Refused, &job, &became)?;
        }
        let told = told.map_or_else(|error| with_source(&error), |told| format!("{told:?}"));
        Ok(self.log.note(What::Told, &job, &format!("{became}; its lock: {lock:?}; its message: {told}"))?)
    }

    async fn handle(&self, job: &Job) -> Result<(), Failure> {
        let attempt = Attempt::begin(&self.log, job)?;
        if self.orders.manner == Manner::Waits {
            pending::<()>().await;
        }
        // It stands for the work, and for nothing that could be waited for.
        sleep(self.orders.work).await;
        if self.orders.manner == Manner::FailsFirst && self.is_first(job)? {
            attempt.end(What::Failed)?;
            return Err("the first try of each job fails".into());
        }
        attempt.end(What::End)
    }

    fn is_first(&self, job: &Job) -> Result<bool, Failure> {
        let mut history = History::open(&self.orders.history)?;
        history.read_on()?;
        Ok(!history.entries.iter().any(|entry| entry.what == What::Failed && entry.job == job.id))
    }
}

/// A job that was begun.
struct Attempt<'a> {
    log: &'a Log,
    job: &'a Job,
    has_ended: AtomicBool,
}

impl<'a> Attempt<'a> {
    fn begin(log: &'a Log, job: &'a Job) -> Result<Self, Failure> {
        log.note(What::Begin, job, "")?;
        Ok(Self { log, job, has_ended: AtomicBool::new(false) })
    }

    fn end(self, how: What) -> Result<(), Failure> {
        self.has_ended.store(true, Ordering::Relaxed);
        Ok(self.log.note(how, self.job, "")?)
    }
}

impl Drop for Attempt<'_> {
    /// The lock was lost.
    fn drop(&mut self) {
        if !self.has_ended.load(Ordering::Relaxed)
            && let Err(error) = self.log.note(What::Stopped, self.job, "")
        {
            complain(&error);
        }
    }
}

#[expect(clippy::print_stderr, reason = "it goes into the log of the worker")]
fn complain(error: &(dyn std::error::Error + 'static)) {
    eprintln!("{}", with_source(error));
}

fn with_source(error: &(dyn std::error::Error + 'static)) -> String {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}
