//! Many tasks want one lock, in one process and in several.

use std::time::Duration;

use futures_util::future::{LocalBoxFuture, try_join_all};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

use super::{Workload, block_on};
use crate::{
    BoxError,
    args::Args,
    child::{self, Child, Parent, answer},
    figures::{Row, percentile},
    locker::{Kind, Locker, Visitor},
    machine::{Alarm, now_ns},
    measure::{Contestant, Entry, Setting, Turn, compete},
    monitor::Monitor,
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "c",
    name: "contended",
    about: "16 tasks want one lock, each for 1 ms of work after 0 to 10 ms of thinking. Overhead: the time of the whole turn, for \
            each acquisition, beyond the 1 ms. Share: the acquisitions of the task that had the least, and of \
            the one that had the most, to the mean. Commands: what clients sent to a server, per acquisition, \
            in a turn of its own under MONITOR; what scripts call does not count.",
    run,
};

const TASKS: usize = 16;
const WORK: Duration = Duration::from_millis(1);
const LONGEST_THOUGHT: Duration = Duration::from_millis(10);
/// So many times as long as others. Each task is to have its turn often enough for shares to mean something.
const TURNS: u32 = 4;
/// By when all processes have heard when they begin.
const START_IN: Duration = Duration::from_millis(50);

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for nodes in [1, 5] {
        for (processes, how) in [(1, "one process"), (4, "four processes")] {
            rows.extend(measure(args, nodes, processes, how)?);
        }
    }
    Ok(rows)
}

fn measure(args: &Args, nodes: usize, processes: usize, how: &'static str) -> Result<Vec<Row>, BoxError> {
    let stage = Stage::with(nodes)?;
    let entry = |kind: Kind| {
        let contestant = Box::new(Crowd { stage: &stage, kind, processes, turn: args.turn, round: 0 });
        Entry { what: kind.name(), floor: Some(kind.waiting_floor().name()), contestant }
    };
    let entries = Kind::WAITING.into_iter().map(entry).collect();
    block_on(compete(Setting { workload: WORKLOAD.letter, nodes, how }, args.rounds, entries))
}

/// All contenders of one kind.
struct Crowd<'a> {
    stage: &'a Stage,
    kind: Kind,
    processes: usize,
    turn: Duration,
    round: u64,
}

impl<'a> Crowd<'a> {
    fn take_turn(&mut self) -> Result<Turn, BoxError> {
        self.round += 1;
        let (seen, ()) = self.contend(self.turn * TURNS, |_| Ok(()))?;
        let monitors = |stage: &'a Stage| stage.iter().map(Monitor::of).collect::<Result<Vec<_>, _>>();
        let (watched, monitors) = self.contend(self.turn, monitors)?;
        let sent = monitors.into_iter().map(Monitor::end).sum::<Result<usize, _>>()?;
        let acquisitions: usize = watched.acquisitions.iter().map(Vec::len).sum();
        seen.turn(sent as f64 / self.stage.len() as f64 / acquisitions as f64)
    }

    /// What was seen in so much time, and what was made once all were ready.
    fn contend<T>(
        &self,
        turn: Duration,
        ready: impl FnOnce(&'a Stage) -> Result<T, BoxError>,
    ) -> Result<(Seen, T), BoxError> {
        let mut children =
            (0..self.processes).map(|process| self.start(process, turn)).collect::<Result<Vec<_>, _>>()?;
        children.iter_mut().try_for_each(Child::hear::<()>)?;
        let made = ready(self.stage)?;
        let begin = now_ns() + ns(START_IN);
        children.iter_mut().try_for_each(|child| child.order(&begin))?;
        let mut acquisitions = Vec::new();
        for child in &mut children {
            acquisitions.extend(child.hear::<Vec<Vec<Acquisition>>>()?);
        }
        Ok((Seen { acquisitions, begin, end: begin + ns(turn) }, made))
    }

    fn start(&self, process: usize, turn: Duration) -> Result<Child, BoxError> {
        let tasks = TASKS / self.processes;
        // Every contestant has the same thoughts.
        let seed = self.round * TASKS as u64 + (process * tasks) as u64;
        // What a process that has ended did not clean up is not in the way of the next one.
        let lock = format!("{}, round {}, for {turn:?}", self.kind.name(), self.round);
        let (kind, urls) = (self.kind, self.stage.urls());
        Child::start(&child::Part::Contend(Part { kind, urls, lock, tasks, seed, turn }))
    }
}

impl Contestant for Crowd<'_> {
    fn turn(&mut self) -> LocalBoxFuture<'_, Result<Turn, BoxError>> {
        Box::pin(async { self.take_turn() })
    }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// When somebody wanted the lock, had it, and was done with it.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Acquisition {
    wanted: u64,
    had: u64,
    done: u64,
}

/// What came of a turn.
struct Seen {
    /// Of each task.
    acquisitions: Vec<Vec<Acquisition>>,
    begin: u64,
    end: u64,
}

impl Seen {
    /// With what was sent to a node for each acquisition.
    fn turn(self, commands: f64) -> Result<Turn, BoxError> {
        let mut all = self.acquisitions.concat();
        all.sort_unstable_by_key(|one| one.had);
        if let Some((first, second)) =
            all.iter().zip(all.iter().skip(1)).find(|(one, next)| next.had < one.done)
        {
            let overlap = first.done - second.had;
            return Err(format!("two had the lock at the same time, for {overlap} ns").into());
        }
        let within = |one: &&Acquisition| one.had < self.end;
        // On a machine that has other things to do, nobody may have had the lock by then.
        let count = all.iter().filter(within).count().max(1);
        let took = Duration::from_nanos(self.end - self.begin) / u32::try_from(count)?;
        // What the alarm is late by counts too: a contestant that keeps the process busy makes it late.
        let overhead = took.saturating_sub(WORK).as_secs_f64() * 1e3;
        let mut waits: Vec<_> = all.iter().map(|one| Duration::from_nanos(one.had - one.wanted)).collect();
        waits.sort_unstable();
        let mean = count as f64 / self.acquisitions.len() as f64;
        let shares = self.acquisitions.iter().map(|task| task.iter().filter(within).count() as f64 / mean);
        let (least, most) =
            shares.fold((f64::MAX, 0_f64), |(least, most), share| (least.min(share), most.max(share)));
        let figures = vec![
            ("overhead ms", overhead),
            ("wait p50 ms", percentile(&waits, 50.0) / 1e3),
            ("wait p99 ms", percentile(&waits, 99.0) / 1e3),
            ("wait max ms", percentile(&waits, 100.0) / 1e3),
            ("least share", least),
            ("most share", most),
            ("commands", commands),
        ];
        Ok(Turn { figures, times: waits })
    }
}

/// The contenders of one process.
#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    kind: Kind,
    urls: Vec<String>,
    lock: String,
    tasks: usize,
    seed: u64,
    turn: Duration,
}

impl Part {
    pub(crate) async fn play(self, parent: Parent) -> Result<(), BoxError> {
        let (kind, urls) = (self.kind, self.urls.clone());
        kind.visit(&urls, Contenders { part: self, parent }).await
    }
}

struct Contenders {
    part: Part,
    parent: Parent,
}

impl Visitor for Contenders {
    type Output = ();

    async fn visit<L: Locker>(mut self, locker: L) -> Result<(), BoxError> {
        let lock = locker.named(&self.part.lock).await?;
        locker.give(locker.take(&lock).await?).await?;
        answer(&())?;
        let begin: u64 = self.parent.order().await?.ok_or("the parent has gone")?;
        let end = begin + ns(self.part.turn);
        let contend = |task| {
            let seed = self.part.seed + task as u64;
            tokio::spawn(contend(locker.clone(), lock.clone(), StdRng::seed_from_u64(seed), (begin, end)))
        };
        let acquisitions = try_join_all((0..self.part.tasks).map(contend)).await?;
        answer(&acquisitions.into_iter().collect::<Result<Vec<_>, _>>()?)
    }
}

async fn contend<L: Locker>(
    locker: L,
    lock: L::Lock,
    mut random: StdRng,
    (begin, end): (u64, u64),
) -> Result<Vec<Acquisition>, BoxError> {
    let (alarm, mut acquisitions) = (Alarm::new()?, Vec::new());
    alarm.wait(Duration::from_nanos(begin.saturating_sub(now_ns()))).await?;
    loop {
        alarm.wait(random.random_range(Duration::ZERO..LONGEST_THOUGHT)).await?;
        let wanted = now_ns();
        if wanted >= end && !acquisitions.is_empty() {
            return Ok(acquisitions);
        }
        let held = locker.take(&lock).await?;
        let had = now_ns();
        alarm.wait(WORK).await?;
        let done = now_ns();
        locker.give(held).await?;
        acquisitions.push(Acquisition { wanted, had, done });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Of 10 ms, with a lock that is wanted for as long as it is held.
    fn turn(tasks: [&[[u64; 2]]; 2]) -> Result<Turn, BoxError> {
        let acquisition =
            |[had, done]: &[u64; 2]| Acquisition { wanted: 2 * had - done, had: *had, done: *done };
        let acquisitions = tasks.iter().map(|task| task.iter().map(acquisition).collect()).collect();
        Seen { acquisitions, begin: 100 * MS, end: 110 * MS }.turn(2.0)
    }

    #[test]
    fn what_begins_after_the_turn_counts_for_waits_only() {
        let at = |ms: u64| [ms * MS, (ms + 1) * MS];
        let turn = turn([&[at(100), at(102), at(104)], &[at(108), at(112), at(114)]]).unwrap();
        let figures: Vec<_> = turn.figures.iter().map(|(_, figure)| *figure).collect();
        assert_eq!(figures, [1.5, 1.0, 1.0, 1.0, 0.5, 1.5, 2.0]);
    }

    #[test]
    fn a_turn_in_which_nobody_has_the_lock_is_all_overhead() {
        let turn = turn([&[[111 * MS, 112 * MS]], &[]]).unwrap();
        let figures: Vec<_> = turn.figures.iter().map(|(_, figure)| *figure).collect();
        assert_eq!(figures, [9.0, 1.0, 1.0, 1.0, 0.0, 0.0, 2.0]);
    }

    #[test]
    fn two_holders_at_a_time_are_no_lock() {
        assert!(turn([&[[100 * MS, 102 * MS]], &[[102 * MS - 1, 103 * MS]]]).is_err());
        assert!(turn([&[[100 * MS, 102 * MS]], &[[102 * MS, 103 * MS]]]).is_ok());
    }
}
