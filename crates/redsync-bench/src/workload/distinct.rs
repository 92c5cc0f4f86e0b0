//! Many tasks at once, each with a lock of its own.

use std::time::{Duration, Instant};

use futures_util::future::{LocalBoxFuture, try_join_all};

use super::{Workload, block_on, pinned_and_not};
use crate::{
    BoxError,
    args::Args,
    figures::Row,
    locker::{Kind, Locker, Visitor},
    measure::{Contestant, Entry, Setting, Turn, compete},
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "b",
    name: "distinct names",
    about: "64 tasks of one thread take and release locks of 64 names. Pinned: the client and all servers share one core.",
    run,
};

const TASKS: usize = 64;

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for nodes in [1, 5] {
        rows.extend(pinned_and_not(|how| measure(args, nodes, how))?);
    }
    Ok(rows)
}

fn measure(args: &Args, nodes: usize, how: &'static str) -> Result<Vec<Row>, BoxError> {
    let stage = Stage::with(nodes)?;
    block_on(async {
        let mut entries = Vec::new();
        for kind in Kind::all(nodes) {
            let contestant = kind.visit(&stage.urls(), Distinct { args, name: kind.name() }).await?;
            let floor = Some(kind.floor(nodes).name());
            entries.push(Entry { what: kind.name(), floor, contestant });
        }
        compete(Setting { workload: WORKLOAD.letter, nodes, how }, args.rounds, entries).await
    })
}

/// Makes contestants of lockers.
struct Distinct<'a> {
    args: &'a Args,
    name: &'static str,
}

impl<'a> Visitor for Distinct<'a> {
    type Output = Box<dyn Contestant + 'a>;

    async fn visit<L: Locker>(self, locker: L) -> Result<Self::Output, BoxError> {
        let mut locks = Vec::new();
        for task in 0..TASKS {
            locks.push(locker.named(&format!("{} {task}", self.name)).await?);
        }
        let many = Many { turn: self.args.turn, locker, locks };
        many.all(Duration::from_millis(1)).await?;
        Ok(Box::new(many))
    }
}

struct Many<L: Locker> {
    turn: Duration,
    locker: L,
    locks: Vec<L::Lock>,
}

impl<L: Locker> Many<L> {
    async fn all(&self, turn: Duration) -> Result<Turn, BoxError> {
        let begun = Instant::now();
        let task =
            |lock: &L::Lock| tokio::spawn(over_and_over(self.locker.clone(), lock.clone(), begun + turn));
        let times = try_join_all(self.locks.iter().map(task)).await?;
        let took = begun.elapsed();
        let times = times.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Turn::timed(took, times.concat()).by_throughput())
    }
}

async fn over_and_over<L: Locker>(
    locker: L,
    lock: L::Lock,
    until: Instant,
) -> Result<Vec<Duration>, BoxError> {
    let mut times = Vec::new();
    while times.is_empty() || Instant::now() < until {
        let at = Instant::now();
        locker.give(locker.take(&lock).await?).await?;
        times.push(at.elapsed());
    }
    Ok(times)
}

impl<L: Locker> Contestant for Many<L> {
    fn turn(&mut self) -> LocalBoxFuture<'_, Result<Turn, BoxError>> {
        Box::pin(self.all(self.turn))
    }
}
