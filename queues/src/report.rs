//! [`Report`]: what came of a run, as a row of a table for people to read.

use std::{fmt, time::Duration};

use crate::Broker;

/// The line over the rows.
pub const HEAD: &str =
    "broker   |  jobs | executions | kills | restarts | redeliveries | dead letters | seconds | violations";

/// What came of a run. It is displayed as a row.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which kind of queue.
    pub broker: Broker,
    /// How many jobs there were.
    pub jobs: usize,
    /// How often one was begun.
    pub executions: usize,
    /// How many workers were killed.
    pub kills: usize,
    /// How often the broker was restarted.
    pub restarts: usize,
    /// How many messages were delivered that may have been before.
    pub redeliveries: usize,
    /// How many messages nobody was to work on.
    pub dead_letters: u64,
    /// How long it took, without the start of the servers.
    pub time: Duration,
    /// Everything that was wrong.
    pub violations: Vec<String>,
}

impl Report {
    /// Whether nothing was wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { broker, jobs, executions, kills, restarts, redeliveries, dead_letters, time, violations } =
            self;
        let (seconds, violations) = (time.as_secs_f64(), violations.len());
        write!(
            f,
            "{broker:<8} | {jobs:>5} | {executions:>10} | {kills:>5} | {restarts:>8} | {redeliveries:>12} | \
             {dead_letters:>12} | {seconds:>7.1} | {violations:>10}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_below_their_head() {
        let report = |jobs, violations| Report {
            broker: Broker::RabbitMq,
            jobs,
            executions: 12_345,
            kills: 333,
            restarts: 2,
            redeliveries: 1_000_000,
            dead_letters: 0,
            time: Duration::from_millis(61_250),
            violations,
        };
        let bars = |line: &str| line.match_indices('|').map(|(at, _)| at).collect::<Vec<_>>();
        for report in [report(600, Vec::new()), report(10_000, vec!["lost".to_owned(), "twice".to_owned()])] {
            let row = report.to_string();
            assert_eq!(bars(&row), bars(HEAD), "{HEAD}\n{row}");
            assert!(row.ends_with(&format!(" {}", report.violations.len())), "{row}");
        }
    }
}
