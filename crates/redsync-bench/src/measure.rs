//! Turns and rounds.

use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;

use crate::{
    BoxError,
    args::Args,
    figures::{Figure, Row, curve, percentile},
};

/// One of several that take turns.
pub(crate) trait Contestant {
    /// Does what is measured for as long as a turn lasts.
    fn turn(&mut self) -> LocalBoxFuture<'_, Result<Turn, BoxError>>;
}

/// What came of one turn.
#[derive(Default)]
pub(crate) struct Turn {
    /// The same ones in each turn.
    pub(crate) figures: Vec<(&'static str, f64)>,
    /// How long each time took.
    pub(crate) times: Vec<Duration>,
}

/// A contestant with its place in the report.
pub(crate) struct Entry<'a> {
    pub(crate) what: &'static str,
    pub(crate) floor: Option<&'static str>,
    pub(crate) contestant: Box<dyn Contestant + 'a>,
}

/// What all entries of one competition share.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) workload: &'static str,
    pub(crate) nodes: usize,
    pub(crate) how: &'static str,
}

/// Has them take turns, for so many rounds.
pub(crate) async fn compete(
    setting: Setting,
    rounds: usize,
    mut entries: Vec<Entry<'_>>,
) -> Result<Vec<Row>, BoxError> {
    let mut turns: Vec<Vec<Turn>> = entries.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (entry, turns) in entries.iter_mut().zip(&mut turns) {
            let turn = entry.contestant.turn().await;
            turns.push(turn.map_err(|error| format!("{}, {} nodes: {error}", entry.what, setting.nodes))?);
        }
    }
    Ok(entries.iter().zip(turns).map(|(entry, turns)| row(setting, entry, turns)).collect())
}

fn row(setting: Setting, entry: &Entry<'_>, turns: Vec<Turn>) -> Row {
    let mut figures: Vec<Figure> = Vec::new();
    let mut times = Vec::new();
    for turn in turns {
        for (name, figure) in turn.figures {
            match figures.iter_mut().find(|known| known.name == name) {
                Some(known) => known.rounds.push(figure),
                None => figures.push(Figure { name, rounds: vec![figure] }),
            }
        }
        times.extend(turn.times);
    }
    let Setting { workload, nodes, how } = setting;
    Row { workload, nodes, how, what: entry.what, floor: entry.floor, figures, latency: curve(times) }
}

/// Does `once` over and over until the turn is over, by itself.
pub(crate) async fn repeat(
    args: &Args,
    mut once: impl AsyncFnMut() -> Result<(), BoxError>,
) -> Result<Turn, BoxError> {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || begun.elapsed() < args.turn {
        let at = Instant::now();
        once().await?;
        times.push(at.elapsed());
    }
    Ok(Turn::timed(begun.elapsed(), times))
}

impl Turn {
    /// Of `times` that it took within a turn of so long.
    pub(crate) fn timed(took: Duration, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let (p50, p99) = (percentile(&times, 50.0), percentile(&times, 99.0));
        let per_second = times.len() as f64 / took.as_secs_f64();
        Self { figures: vec![("p50 µs", p50), ("p99 µs", p99), ("a second", per_second)], times }
    }

    /// The same where it is all about how much is done.
    pub(crate) fn by_throughput(mut self) -> Self {
        self.figures.rotate_right(1);
        self
    }
}
