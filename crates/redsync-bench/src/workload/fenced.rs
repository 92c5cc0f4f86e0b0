//! Locks with fencing numbers, beside plain ones, each beside its own floor.

use super::{Workload, alone, block_on};
use crate::{
    BoxError,
    args::Args,
    figures::Row,
    locker::Kind,
    measure::{Entry, Setting, compete},
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "i",
    name: "fenced",
    about: "One task takes a lock and releases it, plain and with a fencing number. The floor of the latter is the script that \
            draws the number.",
    run,
};

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for nodes in [1, 5] {
        let stage = Stage::with(nodes)?;
        rows.extend(block_on(measure(args, &stage, nodes))?);
    }
    Ok(rows)
}

async fn measure(args: &Args, stage: &Stage, nodes: usize) -> Result<Vec<Row>, BoxError> {
    let locks = [Kind::RedisRs, Kind::Fred, Kind::RedisRsFenced, Kind::FredFenced];
    let mut entries = Vec::new();
    for lock in locks {
        let floor = lock.floor(nodes);
        for kind in [floor, lock] {
            let contestant = alone::contestant(args, kind, &stage.urls()).await?;
            entries.push(Entry { what: kind.name(), floor: Some(floor.name()), contestant });
        }
    }
    compete(Setting { workload: WORKLOAD.letter, nodes, how: "" }, args.rounds, entries).await
}
