//! Turns and rounds, and what came of them.

use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use crate::{BoxError, args::Args};

/// One of several that take turns.
pub(crate) trait Contestant {
    /// What it is called in the table.
    fn name(&self) -> &'static str;

    /// Does once what is measured.
    fn once(&mut self) -> LocalBoxFuture<'_, Result<(), BoxError>>;
}

/// What one has come to: the medians of its rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) per_second: f64,
    /// Its time to that of the floor in the same round: the median, the least and the most of them.
    pub(crate) to_floor: [f64; 3],
}

/// The turns of one contestant.
#[derive(Default)]
struct Turns {
    p50: Vec<f64>,
    p99: Vec<f64>,
    per_second: Vec<f64>,
}

/// How often everything is done before anything counts: scripts are loaded by then, and connections made.
const WARM_UP: usize = 50;

/// Has them take turns. The first one is the floor.
pub(crate) async fn compete(
    args: &Args,
    contestants: &mut [&mut dyn Contestant],
) -> Result<Vec<Figures>, BoxError> {
    for contestant in contestants.iter_mut() {
        for _ in 0..WARM_UP {
            contestant.once().await?;
        }
    }
    let named = |contestant: &&mut dyn Contestant| (contestant.name(), Turns::default());
    let mut all: Vec<_> = contestants.iter().map(named).collect();
    for _ in 0..args.rounds {
        for (contestant, (_, turns)) in contestants.iter_mut().zip(&mut all) {
            turns.take(&mut **contestant, args).await?;
        }
    }
    Ok(figures(all))
}

impl Turns {
    async fn take(&mut self, contestant: &mut dyn Contestant, args: &Args) -> Result<(), BoxError> {
        let begun = Instant::now();
        let mut times = Vec::new();
        while begun.elapsed() < args.turn {
            let at = Instant::now();
            contestant.once().await?;
            times.push(at.elapsed());
        }
        let took = begun.elapsed();
        times.sort_unstable();
        self.p50.push(percentile(&times, 50));
        self.p99.push(percentile(&times, 99));
        self.per_second.push(times.len() as f64 / took.as_secs_f64());
        Ok(())
    }
}

/// In microseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn figures(all: Vec<(&'static str, Turns)>) -> Vec<Figures> {
    let floor = all.first().map(|(_, turns)| turns.p50.clone()).unwrap_or_default();
    let figures = |(name, turns): (&'static str, Turns)| {
        let ratios: Vec<_> = turns.p50.iter().zip(&floor).map(|(own, floor)| own / floor).collect();
        let (least, most) = ratios
            .iter()
            .fold((f64::MAX, 0.0_f64), |(least, most), ratio| (least.min(*ratio), most.max(*ratio)));
        Figures {
            name,
            p50_us: median(turns.p50),
            p99_us: median(turns.p99),
            per_second: median(turns.per_second),
            to_floor: [median(ratios), least, most],
        }
    };
    all.into_iter().map(figures).collect()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(p50: [f64; 3]) -> Turns {
        Turns { p50: p50.into(), p99: p50.into(), per_second: p50.into() }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let all = vec![("floor", turns([10.0, 20.0, 40.0])), ("lock", turns([11.0, 30.0, 40.0]))];
        let figures = figures(all);
        assert_eq!(figures[0].to_floor, [1.0, 1.0, 1.0]);
        assert_eq!((figures[1].p50_us, figures[1].to_floor), (30.0, [1.1, 1.0, 1.5]));
    }

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let times: Vec<_> = (1..=100).map(Duration::from_micros).collect();
        assert_eq!((percentile(&times, 50).round(), percentile(&times, 99).round()), (51.0, 100.0));
        assert_eq!(percentile(&[], 50), 0.0);
    }
}
