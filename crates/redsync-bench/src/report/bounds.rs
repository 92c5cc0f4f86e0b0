//! What the figures have to show.

use std::fmt;

use super::Report;
use crate::{
    figures::{Row, Spread},
    locker::Kind,
};

/// A figure with its limit, wherever there are rows for it.
struct Bound {
    workload: &'static str,
    /// Whether it holds for a row of so many nodes in this setting.
    of: fn(usize, &str) -> bool,
    what: &'static [Kind],
    figure: &'static str,
    to: To,
    limit: Limit,
}

/// What the figure is compared to, in the same round.
#[derive(Clone, Copy)]
enum To {
    Itself,
    Floor,
    Other(Kind),
    /// Another contestant, by the ratio that was measured elsewhere.
    Known(Kind, f64),
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
    Between(f64, f64),
}

const OURS: &[Kind] = &[Kind::RedisRs, Kind::Fred];

const fn bound(workload: &'static str, figure: &'static str, to: To, limit: Limit) -> Bound {
    Bound { workload, of: |_, _| true, what: OURS, figure, to, limit }
}

const BOUNDS: [Bound; 16] = [
    // So that no floor is slowed to look good: the ratio of the two clients that other code has measured, within 15 %.
    Bound {
        of: |nodes, how| nodes == 1 && how == "pinned",
        what: &[Kind::FredBare],
        ..bound("a", "p50 µs", To::Known(Kind::RedisRsBare, 52.0 / 40.0), Limit::Between(0.85, 1.15))
    },
    Bound {
        of: |nodes, how| nodes == 5 && how == "pinned",
        what: &[Kind::FredBare],
        ..bound("a", "p50 µs", To::Known(Kind::RedisRsBare, 239.0 / 238.0), Limit::Between(0.85, 1.15))
    },
    Bound {
        of: |nodes, how| nodes != 3 && how == "pinned",
        ..bound("a", "p50 µs", To::Floor, Limit::AtMost(1.1))
    },
    Bound { of: |_, how| how == "pinned", ..bound("b", "a second", To::Floor, Limit::AtLeast(0.9)) },
    bound("c", "overhead ms", To::Floor, Limit::AtMost(1.3)),
    bound("c", "overhead ms", To::Other(Kind::Rslock), Limit::AtMost(1.0 / 6.0)),
    bound("c", "commands", To::Itself, Limit::AtMost(6.0)),
    bound("c", "least share", To::Itself, Limit::AtLeast(0.5)),
    bound("c", "most share", To::Itself, Limit::AtMost(2.0)),
    Bound { of: |_, how| how == "two processes", ..bound("d", "p50 µs", To::Floor, Limit::AtMost(1.3)) },
    Bound { of: |_, how| how == "same process", ..bound("d", "p50 µs", To::Floor, Limit::Below(1.0)) },
    bound("e", "to well", To::Itself, Limit::AtMost(1.3)),
    bound("e", "p99 to well", To::Itself, Limit::AtMost(3.0)),
    bound("f", "lost", To::Itself, Limit::AtMost(0.0)),
    // A leak of one byte in ten cycles, and pages that were touched for the first time.
    bound("g", "live bytes a cycle", To::Itself, Limit::AtMost(0.1)),
    bound("g", "resident bytes a cycle", To::Itself, Limit::AtMost(1.0)),
];

/// A bound that was looked at.
pub(crate) struct Verdict {
    pub(crate) holds: bool,
    line: String,
}

impl Report {
    /// Every bound that there are rows for.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let of = |bound: &'static Bound| self.rows.iter().filter_map(|row| self.verdict(bound, row));
        BOUNDS.iter().flat_map(of).collect()
    }

    fn verdict(&self, bound: &Bound, row: &Row) -> Option<Verdict> {
        let Bound { workload, of, what, figure, to, limit } = bound;
        let is_meant = row.workload == *workload && of(row.nodes, row.how);
        if !is_meant || !what.iter().any(|kind| kind.name() == row.what) {
            return None;
        }
        let own = Spread::of(row.figure(figure)?.rounds.clone());
        let other = |what| self.rows.iter().find(|other| other.what == what && row.is_beside(other));
        let ratio = |what| other(what).and_then(|other| row.ratio(other, figure));
        let seen = match to {
            To::Itself => own,
            To::Floor => ratio(row.floor?),
            To::Other(kind) => ratio(kind.name()),
            To::Known(kind, known) => ratio(kind.name()).map(|ratio| ratio.by(*known)),
        };
        let (seen, holds) = match seen {
            Some(seen) => (format!("{:.3}", seen.median), limit.holds(seen.median)),
            None => ("nothing".to_owned(), false),
        };
        let Row { nodes, how, what, .. } = row;
        let verdict = if holds { "pass" } else { "FAIL" };
        let line = format!("{verdict}  ({workload}) {nodes} {how}: {what}: {figure}{to}: {seen}, {limit}");
        Some(Verdict { holds, line })
    }
}

impl Limit {
    fn holds(self, seen: f64) -> bool {
        match self {
            Self::AtMost(most) => seen <= most,
            Self::Below(limit) => seen < limit,
            Self::AtLeast(least) => seen >= least,
            Self::Between(least, most) => (least..=most).contains(&seen),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most:.3}"),
            Self::Below(limit) => write!(f, "below {limit:.3}"),
            Self::AtLeast(least) => write!(f, "at least {least:.3}"),
            Self::Between(least, most) => write!(f, "from {least:.3} to {most:.3}"),
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself => Ok(()),
            Self::Floor => f.write_str(" to its floor"),
            Self::Other(kind) => write!(f, " to {}", kind.name()),
            Self::Known(kind, known) => write!(f, " to {}, beside {known:.2} elsewhere", kind.name()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figure;

    fn row(what: Kind, figure: &'static str, rounds: [f64; 3]) -> Row {
        let figures = vec![Figure { name: figure, rounds: rounds.into() }];
        let floor = Some(Kind::RedisRsPublish.name());
        let (workload, how, what) = ("c", "one process", what.name());
        Row { workload, nodes: 1, how, what, floor, figures, latency: Vec::new() }
    }

    fn holds(rows: Vec<Row>) -> Vec<bool> {
        let report = Report { machine: String::new(), rows };
        report.verdicts().iter().map(|verdict| verdict.holds).collect()
    }

    #[test]
    fn the_median_ratio_is_held_to_its_bounds() {
        for (own, expected) in
            [([1.0, 1.2, 9.0], [true, true]), ([1.0, 1.4, 1.5], [false, true]), ([9.0; 3], [false; 2])]
        {
            let floor = row(Kind::RedisRsPublish, "overhead ms", [1.0; 3]);
            let rslock = row(Kind::Rslock, "overhead ms", [9.0; 3]);
            assert_eq!(
                holds(vec![floor, rslock, row(Kind::RedisRs, "overhead ms", own)]),
                expected,
                "{own:?}"
            );
        }
    }

    #[test]
    fn what_was_not_measured_holds_no_bound() {
        assert_eq!(holds(vec![row(Kind::RedisRs, "overhead ms", [1.0; 3])]), [false, false]);
        assert_eq!(holds(vec![row(Kind::RedisRs, "commands", [6.0; 3])]), [true]);
        assert_eq!(holds(vec![row(Kind::RedisRs, "commands", [f64::NAN; 3])]), [false]);
        assert_eq!(holds(vec![row(Kind::Rslock, "commands", [6.0; 3])]), [false; 0]);
    }
}
