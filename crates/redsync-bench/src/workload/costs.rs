//! What a lock costs its process: allocations, the processor's time, memory.

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use super::{Workload, block_on, new_runtime, sizes};
use crate::{
    BoxError,
    args::Args,
    child::{self, Child, Parent, answer},
    figures::Row,
    locker::{Kind, Locker, Visitor},
    machine::cpu_time,
    measure::{Contestant, Entry, Setting, Turn, compete},
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "g",
    name: "costs",
    about: "What one lock and its release cost the process, the client and its background tasks included. Below that the bytes \
            of a mutex that nobody uses, and of the guard of a lock that is held, each with what it has on the heap; and by how \
            many bytes all that is allocated, and what the process has in RAM, have grown over many cycles of taking and \
            releasing a lock.",
    run,
};

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for nodes in [1, 5] {
        rows.extend(compared(args, nodes)?);
    }
    for kind in [Kind::RedisRs, Kind::Fred] {
        rows.push(sizes::row(args, WORKLOAD.letter, kind)?);
    }
    Ok(rows)
}

fn compared(args: &Args, nodes: usize) -> Result<Vec<Row>, BoxError> {
    let stage = Stage::with(nodes)?;
    let mut entries = Vec::new();
    for kind in Kind::all(nodes) {
        let part = Part { kind, urls: stage.urls(), warm_up: args.warm_up };
        let mut child = Child::start(&child::Part::Count(part))?;
        child.hear::<()>()?;
        let floor = Some(kind.floor(nodes).name());
        let contestant = Box::new(Counted { child, cycles: args.counted });
        entries.push(Entry { what: kind.name(), floor, contestant });
    }
    block_on(compete(Setting { workload: WORKLOAD.letter, nodes, how: "" }, args.rounds, entries))
}

/// A process that counts.
struct Counted {
    child: Child,
    cycles: usize,
}

impl Contestant for Counted {
    fn turn(&mut self) -> LocalBoxFuture<'_, Result<Turn, BoxError>> {
        Box::pin(async {
            self.child.order(&self.cycles)?;
            let count: Count = self.child.hear()?;
            let each = |total: f64| total / self.cycles as f64;
            let figures = vec![
                ("CPU µs", each(count.cpu.as_secs_f64() * 1e6)),
                ("allocations", each(count.allocations as f64)),
                ("allocated bytes", each(count.bytes as f64)),
            ];
            Ok(Turn { figures, times: Vec::new() })
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Count {
    cpu: Duration,
    allocations: u64,
    bytes: u64,
}

/// A process with one contestant and nothing else.
#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    kind: Kind,
    urls: Vec<String>,
    warm_up: usize,
}

impl Part {
    pub(crate) fn play(self, mut parent: Parent) -> Result<(), BoxError> {
        let runtime = new_runtime()?;
        let cycles = runtime.block_on(self.kind.visit(&self.urls, ToCycles))?;
        runtime.block_on(cycles.run(self.warm_up))?;
        answer(&())?;
        while let Some(count) = runtime.block_on(parent.order())? {
            let before = cpu_time();
            let (counted, ()) = counted(&runtime, cycles.run(count))?;
            let cpu = cpu_time().saturating_sub(before);
            answer(&Count { cpu, allocations: counted.count_total, bytes: counted.bytes_total })?;
        }
        Ok(())
    }
}

/// What the runtime's thread allocates until `work` is done, by whichever task.
pub(super) fn counted<T>(
    runtime: &Runtime,
    work: impl Future<Output = Result<T, BoxError>>,
) -> Result<(AllocationInfo, T), BoxError> {
    let mut result = None;
    let counted = measure(|| result = Some(runtime.block_on(work)));
    Ok((counted, result.ok_or("it was not run")??))
}

/// Taking and releasing, over and over.
pub(super) trait Cycles {
    fn run(&self, count: usize) -> LocalBoxFuture<'_, Result<(), BoxError>>;
}

pub(super) struct ToCycles;

impl Visitor for ToCycles {
    type Output = Box<dyn Cycles>;

    async fn visit<L: Locker>(self, locker: L) -> Result<Box<dyn Cycles>, BoxError> {
        let lock = locker.named("counted").await?;
        Ok(Box::new(Cycle { locker, lock }))
    }
}

struct Cycle<L: Locker> {
    locker: L,
    lock: L::Lock,
}

impl<L: Locker> Cycles for Cycle<L> {
    fn run(&self, count: usize) -> LocalBoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            for _ in 0..count {
                self.locker.give(self.locker.take(&self.lock).await?).await?;
            }
            Ok(())
        })
    }
}
