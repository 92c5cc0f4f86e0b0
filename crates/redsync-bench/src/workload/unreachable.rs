//! Two of five nodes are away: paused, so that they hang, or killed.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::{Workload, block_on};
use crate::{
    BoxError,
    args::Args,
    figures::{Row, percentile},
    locker::{Kind, Locker, Visitor},
    measure::{Contestant, Entry, Setting, Turn, compete, repeat},
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "e",
    name: "two of five away",
    about: "One task takes a lock and releases it, while all nodes are well, while two are paused (they hang), and while two \
            are killed. Who waits for all nodes is not among these.",
    run,
};

const NODES: usize = 5;
const AWAY: [usize; 2] = [1, 3];

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let stage = Stage::with(NODES)?;
    let contestants = [Kind::RedisRsQuorum, Kind::FredQuorum, Kind::Rslock, Kind::RedisRs, Kind::Fred];
    let entry = |kind: Kind| {
        let contestant = Box::new(Through { args, stage: &stage, kind, visits: 0 });
        Entry { what: kind.name(), floor: Some(kind.floor(NODES).name()), contestant }
    };
    let entries = contestants.into_iter().map(entry).collect();
    block_on(compete(Setting { workload: WORKLOAD.letter, nodes: NODES, how: "" }, args.rounds, entries))
}

#[derive(Clone, Copy)]
enum Nodes {
    Well,
    Paused,
    Killed,
}

/// Goes through all three, each time with new connections.
struct Through<'a> {
    args: &'a Args,
    stage: &'a Stage,
    kind: Kind,
    visits: u32,
}

impl Through<'_> {
    async fn times(&mut self, nodes: Nodes) -> Result<Vec<Duration>, BoxError> {
        self.visits += 1;
        // What one leaves behind at a node that was away is not in the way of the next.
        let name = format!("{} {}", self.kind.name(), self.visits);
        let mut times = self.kind.visit(&self.stage.urls(), Visit { through: self, nodes, name }).await?;
        times.sort_unstable();
        Ok(times)
    }

    fn send_away(&self, nodes: Nodes) -> Result<(), BoxError> {
        for server in AWAY.iter().filter_map(|node| self.stage.get(*node)) {
            match nodes {
                Nodes::Well => {}
                Nodes::Paused => server.pause()?,
                Nodes::Killed => server.kill(),
            }
        }
        Ok(())
    }

    fn bring_back(&self, nodes: Nodes) -> Result<(), BoxError> {
        for server in AWAY.iter().filter_map(|node| self.stage.get(*node)) {
            match nodes {
                Nodes::Well => {}
                Nodes::Paused => server.resume()?,
                Nodes::Killed => server.restart_empty()?,
            }
            // By then it has worked off what has reached it meanwhile.
            server.command(&["PING"])?;
        }
        Ok(())
    }
}

impl Contestant for Through<'_> {
    fn turn(&mut self) -> LocalBoxFuture<'_, Result<Turn, BoxError>> {
        Box::pin(async {
            let well = self.times(Nodes::Well).await?;
            let paused = self.times(Nodes::Paused).await?;
            let killed = self.times(Nodes::Killed).await?;
            let [p50, p99] =
                [50.0, 99.0].map(|percent| [&well, &paused, &killed].map(|times| percentile(times, percent)));
            let figures = vec![
                ("paused p50 µs", p50[1]),
                ("to well", p50[1] / p50[0]),
                ("paused p99 µs", p99[1]),
                ("p99 to well", p99[1] / p99[0]),
                ("killed p50 µs", p50[2]),
                ("killed p99 µs", p99[2]),
                ("well p50 µs", p50[0]),
                ("well p99 µs", p99[0]),
            ];
            Ok(Turn { figures, times: paused })
        })
    }
}

struct Visit<'a, 'b> {
    through: &'a Through<'b>,
    nodes: Nodes,
    name: String,
}

impl Visitor for Visit<'_, '_> {
    type Output = Vec<Duration>;

    async fn visit<L: Locker>(self, locker: L) -> Result<Vec<Duration>, BoxError> {
        let Self { through, nodes, name } = self;
        let lock = locker.named(&name).await?;
        let once = async || locker.give(locker.take(&lock).await?).await;
        for _ in 0..through.args.warm_up {
            once().await?;
        }
        through.send_away(nodes)?;
        let turn = repeat(through.args, once).await;
        through.bring_back(nodes)?;
        Ok(turn?.times)
    }
}
