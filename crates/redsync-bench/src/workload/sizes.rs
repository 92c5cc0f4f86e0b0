//! How much memory locks take, and whether it grows.

use allocation_counter::AllocationInfo;
use redsync_core::{Guard, Mutex, Redsync};
use serde::{Deserialize, Serialize};

use super::{
    costs::{ToCycles, counted},
    new_runtime,
};
use crate::{
    BoxError,
    args::Args,
    child::{self, Child, answer},
    figures::{Figure, Row},
    locker::{Kind, TTL},
    machine::resident,
    stage::Stage,
};

/// So many are looked at together, since what they share grows by leaps.
const MANY: usize = 1000;

/// What a process with one kind of locks has come to.
pub(super) fn row(args: &Args, workload: &'static str, kind: Kind) -> Result<Row, BoxError> {
    let stage = Stage::with(1)?;
    let part = Part { kind, urls: stage.urls(), cycles: args.cycles };
    let sizes: Sizes = Child::start(&child::Part::Size(part))?.hear()?;
    let figure = |(name, figure)| Figure { name, rounds: vec![figure] };
    let figures = [
        ("idle mutex, bytes", sizes.mutex),
        ("held guard, bytes", sizes.guard),
        ("cycles", args.cycles as f64),
        ("live bytes a cycle", sizes.live_growth / args.cycles as f64),
        ("resident bytes a cycle", sizes.resident_growth / args.cycles as f64),
    ];
    let (what, figures) = (kind.name(), figures.map(figure).into());
    Ok(Row { workload, nodes: 1, how: "memory", what, floor: None, figures, latency: Vec::new() })
}

#[derive(Serialize, Deserialize)]
struct Sizes {
    mutex: f64,
    guard: f64,
    live_growth: f64,
    resident_growth: f64,
}

/// A process with one kind of locks and nothing else.
#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    kind: Kind,
    urls: Vec<String>,
    cycles: usize,
}

impl Part {
    pub(crate) fn play(self) -> Result<(), BoxError> {
        let runtime = new_runtime()?;
        let redsync = runtime.block_on(self.kind.redsync(&self.urls))?;
        let cycles = runtime.block_on(self.kind.visit(&self.urls, ToCycles))?;
        // Tables and buffers have grown to their size by then.
        runtime.block_on(cycles.run(self.cycles.div_ceil(10).min(10_000)))?;
        drop(runtime.block_on(guards(&redsync))?);
        runtime.block_on(redsync.settled());
        let before = resident()?;
        let (grown, ()) = counted(&runtime, cycles.run(self.cycles))?;
        let resident_growth = i64::try_from(resident()?)? - i64::try_from(before)?;
        let (idle, _mutexes) = counted(&runtime, async { Ok(mutexes(&redsync)) })?;
        let (held, _guards) = counted(&runtime, guards(&redsync))?;
        let each = |counted: AllocationInfo| counted.bytes_current as f64 / MANY as f64;
        answer(&Sizes {
            mutex: each(idle),
            guard: each(held),
            live_growth: grown.bytes_current as f64,
            resident_growth: resident_growth as f64,
        })?;
        Ok(())
    }
}

fn mutexes(redsync: &Redsync) -> Vec<Mutex> {
    (0..MANY).map(|number| redsync.mutex(format!("report:{number:04}")).ttl(TTL)).collect()
}

async fn guards(redsync: &Redsync) -> Result<Vec<Guard>, BoxError> {
    let mut guards = Vec::with_capacity(MANY);
    for mutex in mutexes(redsync) {
        guards.push(mutex.lock().await?);
    }
    redsync.settled().await;
    Ok(guards)
}
