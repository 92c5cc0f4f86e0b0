//! Many locks are held, and renewed in the background.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use redsync_core::{Guard, Redsync, Released};
use serde::{Deserialize, Serialize};

use super::Workload;
use crate::{
    BoxError,
    args::Args,
    child::{self, Child, Parent, answer},
    figures::{Figure, Row},
    locker::{Kind, TTL},
    machine::{cpu_time, resident},
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "f",
    name: "held",
    about: "1,000 locks with a TTL of 8 s are held and renewed by one process, over redis-rs and over fred. CPU: the client's, of \
            one core. Requests: for each lock, in a minute, at each node; a server reads several of them at once where they are \
            sent at once. Memory: of the process, for each lock.",
    run,
};

/// So many are taken at once.
const AT_ONCE: usize = 50;

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for nodes in [1, 5] {
        for kind in [Kind::RedisRs, Kind::Fred] {
            rows.push(measure(args, nodes, kind)?);
        }
    }
    Ok(rows)
}

fn measure(args: &Args, nodes: usize, kind: Kind) -> Result<Row, BoxError> {
    let stage = Stage::with(nodes)?;
    let part = Part { kind, urls: stage.urls(), locks: args.held, hold: args.hold };
    let mut child = Child::start(&child::Part::Hold(part))?;
    child.hear::<()>()?;
    let (requests, reads) = (requests(&stage)?, stage.reads()?);
    child.order(&())?;
    let renewed: Renewed = child.hear()?;
    let (requests, reads) = (self::requests(&stage)? - requests, stage.reads()? - reads);
    child.order(&())?;
    let gone: usize = child.hear()?;
    let (locks, minutes) = (args.held as f64, renewed.took.as_secs_f64() / 60.0);
    let per_node = |count: u64| count as f64 / nodes as f64;
    let figure = |(name, figure)| Figure { name, rounds: vec![figure] };
    let figures = [
        ("lost", (renewed.lost + gone) as f64),
        ("CPU %", renewed.cpu.as_secs_f64() / renewed.took.as_secs_f64() * 100.0),
        ("requests", per_node(requests) / locks / minutes),
        ("requests in a read", per_node(requests) / per_node(reads)),
        ("memory kB", renewed.memory as f64 / locks / 1e3),
    ];
    let (workload, what, figures) = (WORKLOAD.letter, kind.name(), figures.map(figure).into());
    Ok(Row { workload, nodes, how: "", what, floor: None, figures, latency: Vec::new() })
}

/// What clients sent: here all of it goes by scripts.
fn requests(stage: &Stage) -> Result<u64, BoxError> {
    let calls = stage.calls()?;
    Ok(["eval", "evalsha"].iter().filter_map(|name| calls.get(*name)).sum())
}

/// What came of so much time.
#[derive(Serialize, Deserialize)]
struct Renewed {
    took: Duration,
    cpu: Duration,
    lost: usize,
    memory: u64,
}

/// The process that holds the locks.
#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    kind: Kind,
    urls: Vec<String>,
    locks: usize,
    hold: Duration,
}

impl Part {
    pub(crate) async fn play(self, mut parent: Parent) -> Result<(), BoxError> {
        let redsync = self.kind.redsync(&self.urls).await?;
        self.take(&redsync, 1).await?;
        let before = resident()?;
        let guards = self.take(&redsync, self.locks).await?;
        let memory = resident()?.saturating_sub(before);
        answer(&())?;
        parent.order::<()>().await?;
        let (cpu, begun) = (cpu_time(), Instant::now());
        tokio::time::sleep(self.hold).await;
        let (took, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu));
        let lost = guards.iter().filter(|guard| !guard.is_valid()).count();
        answer(&Renewed { took, cpu, lost, memory })?;
        parent.order::<()>().await?;
        answer(&gone(guards).await?)
    }

    async fn take(&self, redsync: &Redsync, count: usize) -> Result<Vec<Guard>, BoxError> {
        let take = |lock| {
            let mutex = redsync.mutex(format!("held {lock} of {count}")).ttl(TTL).auto_extend(true);
            async move { mutex.lock().await }
        };
        Ok(stream::iter(0..count).map(take).buffer_unordered(AT_ONCE).try_collect().await?)
    }
}

/// How many of those that were valid turned out to be gone.
async fn gone(guards: Vec<Guard>) -> Result<usize, BoxError> {
    let mut gone = 0;
    for guard in guards.into_iter().filter(Guard::is_valid) {
        gone += usize::from(guard.release().await? != Released::Held);
    }
    Ok(gone)
}
