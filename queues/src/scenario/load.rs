//! Many jobs of several names, with kills of workers and restarts of the broker, or without.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rand::seq::IndexedRandom;
use tokio::task::JoinSet;

use super::{Play, SHORT_TTL};
use crate::{
    Broker, Failure, Report, What, check::Done, history::Job, stage::Ending, story::unfinished,
    worker::Manner,
};

/// The locks' TTL where no worker is killed: nobody waits for its end.
const LONG_TTL: Duration = Duration::from_secs(10);
const WORK: Duration = Duration::from_millis(10);
/// How many connections publish at once.
const DESKS: usize = 8;
/// How many jobs are done between two kills, on average.
const JOBS_A_KILL: usize = 30;
/// How many restarts there are.
const RESTARTS: usize = 2;
const POLL_EVERY: Duration = Duration::from_millis(10);

/// How much there is to do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many jobs.
    pub jobs: usize,
    /// How many names they have.
    pub names: usize,
    /// How many workers there are at once.
    pub workers: usize,
    /// Whether workers are killed, and the broker restarted.
    pub is_rough: bool,
    /// How long it may take.
    pub within: Duration,
}

impl Load {
    /// What a test has time for.
    #[must_use]
    pub fn small(is_rough: bool) -> Self {
        Self { jobs: 600, names: 20, workers: 4, is_rough, within: Duration::from_secs(300) }
    }
}

pub(super) async fn play(broker: Broker, program: &Path, load: Load) -> Result<Report, Failure> {
    let ttl = if load.is_rough { SHORT_TTL } else { LONG_TTL };
    // A NATS that is killed may forget that it has delivered a message, and even that it was acknowledged. Where the worker was
    // lost as well, the token is used up at what looks like the first delivery, and it would go to the dead letters.
    let forgets = load.is_rough && broker == Broker::Nats;
    let manner = if forgets { Manner::LocksAnew } else { Manner::Plain };
    let mut play = Play::with(broker, program, !load.is_rough, ttl, WORK).await?;
    let publishers = publish(&mut play, load)?;
    play.crew.hire(load.workers, manner)?;
    let deadline = Instant::now() + load.within;
    watch(&mut play, load, manner, deadline)?;
    let published = publishers.join_all().await;
    published.into_iter().collect::<Result<Vec<()>, Failure>>()?;
    let done = if load.is_rough { Done::AtLeastOnce } else { Done::Once };
    play.finish(done, manner).await
}

/// Starts a task for each name, which publishes its jobs one after the other: each waits for the lock of the one before.
fn publish(play: &mut Play, load: Load) -> Result<JoinSet<Result<(), Failure>>, Failure> {
    let desks = (0..DESKS).map(|_| play.new_desk()).collect::<Result<Vec<_>, Failure>>()?;
    let mut publishers = JoinSet::new();
    for (name, desk) in (0..load.names).zip(desks.iter().cycle()) {
        let numbers = (name..load.jobs).step_by(load.names);
        let jobs: Vec<_> = numbers.map(|number| job(number, name)).collect();
        jobs.iter().for_each(|job| play.expect(job));
        let desk = desk.clone();
        publishers.spawn(async move {
            for job in jobs {
                desk.publish(&job).await?;
            }
            Ok(())
        });
    }
    Ok(publishers)
}

fn job(number: usize, name: usize) -> Job {
    Job { id: format!("job-{number}"), name: format!("name-{name}") }
}

/// Makes trouble as the work goes on, until every job is done.
fn watch(play: &mut Play, load: Load, manner: Manner, deadline: Instant) -> Result<(), Failure> {
    let mut next_kill = JOBS_A_KILL;
    let mut progress = Progress::default();
    loop {
        let done = progress.read(play)?;
        if done >= load.jobs {
            return Ok(());
        }
        if Instant::now() > deadline {
            let (history, path) = (unfinished(&play.history.entries, &play.jobs), play.stage.history());
            let (jobs, within, path) = (load.jobs, load.within, path.display());
            return Err(format!(
                "{done} of {jobs} jobs are done after {within:?}; {history}\nall is in {path}"
            )
            .into());
        }
        if load.is_rough && done >= next_kill {
            kill_one(play, manner)?;
            next_kill = done + rand::random_range(1..2 * JOBS_A_KILL);
        }
        if load.is_rough && done >= (play.restarts + 1) * load.jobs / (RESTARTS + 1) {
            let ending = if play.restarts.is_multiple_of(2) { Ending::Kill } else { Ending::Stop };
            play.restart(ending)?;
        }
        play.crew.at_work()?;
        thread::sleep(POLL_EVERY);
    }
}

fn kill_one(play: &mut Play, manner: Manner) -> Result<(), Failure> {
    if let Some(&pid) = play.crew.at_work()?.choose(&mut rand::rng()) {
        play.crew.kill(pid)?;
        play.crew.hire(1, manner)?;
    }
    Ok(())
}

/// Which jobs are done, by the part of the history that was read.
#[derive(Default)]
struct Progress {
    read: usize,
    done: std::collections::BTreeSet<String>,
}

impl Progress {
    fn read(&mut self, play: &mut Play) -> Result<usize, Failure> {
        play.history.read_on()?;
        let fresh = play.history.entries.iter().skip(self.read);
        self.done.extend(fresh.filter(|entry| entry.what == What::End).map(|entry| entry.job.clone()));
        self.read = play.history.entries.len();
        Ok(self.done.len())
    }
}
