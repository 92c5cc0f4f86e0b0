//! What was measured: figures of several rounds, and their ratios.

use std::time::Duration;

use serde::Serialize;

/// One contestant in one setting.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The letter of the workload.
    pub(crate) workload: &'static str,
    pub(crate) nodes: usize,
    /// What else tells the setting from others, such as `pinned`.
    pub(crate) how: &'static str,
    pub(crate) what: &'static str,
    /// The contestant in the same setting that nobody with the same client can be better than.
    pub(crate) floor: Option<&'static str>,
    /// The first one is what it is all about.
    pub(crate) figures: Vec<Figure>,
    /// From the least percentile to the greatest.
    pub(crate) latency: Vec<Point>,
}

/// A figure of each round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) rounds: Vec<f64>,
}

/// So many percent were no slower.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) percent: f64,
    pub(crate) us: f64,
}

/// The median of several rounds, the least and the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Row {
    pub(crate) fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (self.workload, self.nodes, self.how) == (other.workload, other.nodes, other.how)
    }

    /// The figure called `name` to that of `other`, each in the same round.
    pub(crate) fn ratio(&self, other: &Self, name: &str) -> Option<Spread> {
        let (own, other) = (self.figure(name)?, other.figure(name)?);
        Spread::of(own.rounds.iter().zip(&other.rounds).map(|(own, other)| own / other).collect())
    }
}

impl Spread {
    /// The same to another ratio.
    pub(crate) fn by(self, other: f64) -> Self {
        Self { median: self.median / other, least: self.least / other, most: self.most / other }
    }

    /// `None` where there was no round, or the figures of one say nothing.
    pub(crate) fn of(mut rounds: Vec<f64>) -> Option<Self> {
        rounds.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*rounds.first()?, *rounds.last()?);
        let median = *rounds.get(rounds.len() / 2)?;
        (least.is_finite() && most.is_finite()).then_some(Self { median, least, most })
    }
}

/// Of times in their order, in microseconds.
pub(crate) fn percentile(sorted: &[Duration], percent: f64) -> f64 {
    let place = (sorted.len() as f64 * percent / 100.0) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(place.min(last)).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

/// The way from the fastest to the slowest: ever closer to 100 %, where it gets interesting.
pub(crate) fn curve(mut times: Vec<Duration>) -> Vec<Point> {
    times.sort_unstable();
    let below = (0..=40).map(|step| 100.0 - 100.0 / 10_f64.powf(f64::from(step) / 10.0));
    // A percentile that less than ten were above is the luck of those few.
    let above = |percent: f64| times.len() as f64 * (100.0 - percent) / 100.0;
    let seen = |percent: &f64| !times.is_empty() && (*percent < 50.0 || above(*percent) >= 10.0);
    below.filter(seen).map(|percent| Point { percent, us: percentile(&times, percent) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rounds: [f64; 3]) -> Row {
        let figures = vec![Figure { name: "p50 µs", rounds: rounds.into() }];
        let (workload, how, what) = ("a", "pinned", "lock");
        Row { workload, nodes: 1, how, what, floor: None, figures, latency: Vec::new() }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let ratio = row([11.0, 30.0, 40.0]).ratio(&row([10.0, 20.0, 40.0]), "p50 µs");
        assert_eq!(ratio, Some(Spread { median: 1.1, least: 1.0, most: 1.5 }));
        assert_eq!(row([1.0; 3]).ratio(&row([0.0; 3]), "p50 µs"), None);
        assert_eq!(row([1.0; 3]).ratio(&row([1.0; 3]), "p99 µs"), None);
    }

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let times: Vec<_> = (1..=100).map(Duration::from_micros).collect();
        assert_eq!((percentile(&times, 50.0).round(), percentile(&times, 99.0).round()), (51.0, 100.0));
        assert_eq!(percentile(&[], 50.0), 0.0);
    }

    #[test]
    fn a_curve_ends_where_too_few_are_left() {
        let curve = curve((1..=1000).map(Duration::from_micros).collect());
        assert_eq!(curve.first().map(|point| point.percent), Some(0.0));
        assert_eq!(curve.last().map(|point| point.percent.round()), Some(99.0));
        let short = |times: u64| super::curve((0..times).map(Duration::from_micros).collect());
        assert_eq!(short(1).last().map(|point| point.percent.round()), Some(50.0));
        assert!(short(0).is_empty());
    }
}
