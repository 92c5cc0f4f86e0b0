//! One task takes a lock and gives it back, with nobody else there.

use futures_util::future::LocalBoxFuture;

use super::{Workload, block_on, pinned_and_not};
use crate::{
    BoxError,
    args::Args,
    figures::Row,
    locker::{Kind, Locker, Visitor},
    measure::{Contestant, Entry, Setting, Turn, compete, repeat},
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "a",
    name: "alone",
    about: "One task takes a lock and releases it. Pinned: the client and all servers share one core.",
    run,
};

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for nodes in [1, 3, 5] {
        rows.extend(pinned_and_not(|how| measure(args, nodes, how))?);
    }
    Ok(rows)
}

fn measure(args: &Args, nodes: usize, how: &'static str) -> Result<Vec<Row>, BoxError> {
    let stage = Stage::with(nodes)?;
    block_on(async {
        let mut entries = Vec::new();
        for kind in Kind::all(nodes) {
            let contestant = contestant(args, kind, &stage.urls()).await?;
            let floor = Some(kind.floor(nodes).name());
            entries.push(Entry { what: kind.name(), floor, contestant });
        }
        compete(Setting { workload: WORKLOAD.letter, nodes, how }, args.rounds, entries).await
    })
}

/// One that is warmed up.
pub(super) async fn contestant<'a>(
    args: &'a Args,
    kind: Kind,
    urls: &[String],
) -> Result<Box<dyn Contestant + 'a>, BoxError> {
    kind.visit(urls, Alone { args, name: kind.name() }).await
}

/// Makes contestants of lockers.
struct Alone<'a> {
    args: &'a Args,
    name: &'static str,
}

impl<'a> Visitor for Alone<'a> {
    type Output = Box<dyn Contestant + 'a>;

    async fn visit<L: Locker>(self, locker: L) -> Result<Self::Output, BoxError> {
        // A name of its own: what one has not yet cleaned up is not in the way of another.
        let one = One { args: self.args, lock: locker.named(self.name).await?, locker };
        for _ in 0..self.args.warm_up {
            one.once().await?;
        }
        Ok(Box::new(one))
    }
}

struct One<'a, L: Locker> {
    args: &'a Args,
    locker: L,
    lock: L::Lock,
}

impl<L: Locker> One<'_, L> {
    async fn once(&self) -> Result<(), BoxError> {
        self.locker.give(self.locker.take(&self.lock).await?).await
    }
}

impl<L: Locker> Contestant for One<'_, L> {
    fn turn(&mut self) -> LocalBoxFuture<'_, Result<Turn, BoxError>> {
        Box::pin(repeat(self.args, async || self.once().await))
    }
}
