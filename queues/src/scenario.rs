//! [`Scenario`]: what is tried, and how it is judged.

mod expired;
mod failing;
mod killed;
mod load;
mod unknown;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use redsync_core::Redsync;

use crate::{
    Broker, Failure, Report, What,
    check::{Done, check},
    crew::Crew,
    history::{History, Job, Log},
    publish::Desk,
    stage::{Ending, Left, Stage},
    worker::Manner,
};

pub use load::Load;

/// No event takes longer, on whatever machine.
const SOON: Duration = Duration::from_secs(60);
/// The locks' TTL where workers are killed.
const SHORT_TTL: Duration = Duration::from_secs(2);
/// How often workers are started anew to take what they had when they were told to end.
const ROUNDS: usize = 30;
const ROUND: Duration = Duration::from_secs(2);

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Fifty workers are killed after they have adopted a lock, and before they acknowledge its message.
    Killed,
    /// Each job fails when it is tried first.
    Failing,
    /// The connection is cut while a job is published.
    Unknown,
    /// The token expires while the job waits.
    Expired,
    /// Jobs of several names, while workers are killed and the broker is restarted.
    Rough,
    /// The same without any trouble.
    Calm,
}

/// Plays a scenario; `program` is this crate's, of which workers are made.
///
/// # Errors
///
/// When it does not come to an end, as opposed to one with [violations](Report::violations).
pub fn run(scenario: Scenario, broker: Broker, program: &Path) -> Result<Report, Failure> {
    block_on(async {
        match scenario {
            Scenario::Killed => killed::play(Play::start(broker, program, true, SHORT_TTL).await?).await,
            Scenario::Failing => failing::play(Play::start(broker, program, true, SHORT_TTL).await?).await,
            Scenario::Unknown => unknown::play(Play::start(broker, program, true, unknown::TTL).await?).await,
            Scenario::Expired => expired::play(broker, program).await,
            Scenario::Rough => load::play(broker, program, Load::small(true)).await,
            Scenario::Calm => load::play(broker, program, Load::small(false)).await,
        }
    })
}

/// Plays [`Scenario::Rough`] or [`Scenario::Calm`] at this size.
///
/// # Errors
///
/// As [`run`].
pub fn run_load(load: Load, broker: Broker, program: &Path) -> Result<Report, Failure> {
    block_on(load::play(broker, program, load))
}

fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// A scenario that is being played.
struct Play {
    stage: Stage,
    crew: Crew,
    desk: Desk,
    redsync: Redsync,
    history: History,
    jobs: BTreeMap<String, String>,
    restarts: usize,
    begun: Instant,
}

impl Play {
    async fn start(broker: Broker, program: &Path, is_shared: bool, ttl: Duration) -> Result<Self, Failure> {
        Self::with(broker, program, is_shared, ttl, Duration::from_millis(20)).await
    }

    async fn with(
        broker: Broker,
        program: &Path,
        is_shared: bool,
        ttl: Duration,
        work: Duration,
    ) -> Result<Self, Failure> {
        let stage = Stage::start(broker, is_shared, ttl).await?;
        let crew = Crew::new(program.to_owned(), stage.orders(work))?;
        let redsync = redsync_redis_rs::connect(stage.lock_urls()).await?;
        let log = Log::open(&stage.history())?;
        let desk = Desk::new(redsync.clone(), stage.address.clone(), log, ttl);
        let history = History::open(&stage.history())?;
        let (jobs, restarts, begun) = (BTreeMap::new(), 0, Instant::now());
        Ok(Self { stage, crew, desk, redsync, history, jobs, restarts, begun })
    }

    /// Another one, with connections of its own.
    fn new_desk(&self) -> Result<Desk, Failure> {
        let (address, log) = (self.stage.address.clone(), Log::open(&self.stage.history())?);
        Ok(Desk::new(self.redsync.clone(), address, log, self.stage.ttl))
    }

    /// Restarts the broker, with its data.
    fn restart(&mut self, ending: Ending) -> Result<(), Failure> {
        let log = Log::open(&self.stage.history())?;
        log.broker(What::Down, &format!("{ending:?}"))?;
        self.stage.restart(ending)?;
        self.restarts += 1;
        Ok(log.broker(What::Up, "")?)
    }

    /// Makes so many jobs, each of a name of its own.
    fn jobs(&mut self, count: usize) -> Vec<Job> {
        let first = self.jobs.len();
        let job = |number| Job { id: format!("job-{number}"), name: format!("name-{number}") };
        let jobs: Vec<_> = (first..first + count).map(job).collect();
        jobs.iter().for_each(|job| self.expect(job));
        jobs
    }

    fn expect(&mut self, job: &Job) {
        self.jobs.insert(job.id.clone(), job.name.clone());
    }

    async fn publish(&mut self, count: usize) -> Result<Vec<Job>, Failure> {
        let jobs = self.jobs(count);
        for job in &jobs {
            self.desk.publish(job).await?;
        }
        Ok(jobs)
    }

    /// Waits until this has happened to so many different jobs.
    async fn wait_for(&mut self, what: What, count: usize) -> Result<(), Failure> {
        self.history
            .wait(&format!("{count} jobs are at {what:?}"), SOON, |entries| {
                let mut jobs: Vec<_> =
                    entries.iter().filter(|entry| entry.what == what).map(|entry| &entry.job).collect();
                jobs.sort_unstable();
                jobs.dedup();
                jobs.len() >= count
            })
            .await
    }

    /// Ends the workers once the queue is empty, and judges.
    ///
    /// RabbitMQ does not tell of the messages that a worker has, such as those that wait to be delivered again. They are
    /// back in the queue when the worker has ended, and others are hired for them.
    async fn finish(mut self, done: Done, manner: Manner) -> Result<Report, Failure> {
        let mut left = self.stage.wait_until_empty(SOON).await?;
        self.crew.end()?;
        for _ in 0..ROUNDS {
            left = self.stage.left().await?;
            if left.messages == 0 {
                break;
            }
            self.crew.hire(1, manner)?;
            drop(self.stage.wait_until_empty(ROUND).await?);
            self.crew.end()?;
        }
        self.redsync.shutdown().await;
        if left.messages == 0 {
            // A killed worker's lock lasts for its TTL.
            left = self.stage.wait_until_empty(2 * self.stage.ttl).await?;
        }
        self.judge(done, left).await
    }

    async fn judge(mut self, done: Done, left: Left) -> Result<Report, Failure> {
        self.history.read_on()?;
        let mut violations = check(&self.history.entries, &self.jobs, done);
        let is_left = match done {
            Done::AtLeastOnce => left.messages > 0 || !left.majorities().is_empty(),
            Done::Once | Done::Never => left != Left::default(),
        };
        if is_left {
            violations.push(format!("something is left: {left:?}"));
        }
        let dead_letters = self.stage.dead_letters().await?;
        if done == Done::Once && dead_letters > 0 {
            violations.push(format!("{dead_letters} dead letters, where nothing went wrong"));
        }
        let told: BTreeSet<_> = self.history.of(What::Dead).map(|entry| &entry.job).collect();
        if dead_letters < u64::try_from(told.len())? {
            violations.push(format!("{dead_letters} dead letters, where there were to be {told:?}"));
        }
        let report = Report {
            broker: self.stage.address.broker,
            jobs: self.jobs.len(),
            executions: self.history.count(What::Begin),
            kills: self.crew.kills(),
            restarts: self.restarts,
            redeliveries: self.history.count(What::Again),
            dead_letters,
            time: self.begun.elapsed(),
            violations,
        };
        Ok(self.with_logs(report))
    }

    /// Tells where to look where something was wrong.
    fn with_logs(mut self, mut report: Report) -> Report {
        if report.is_well() {
            self.stage.is_well();
        } else {
            let history = self.stage.history();
            report.violations.push(format!("the history is in {}", history.display()));
        }
        report
    }
}
