//! [`Report`]: what came of a run, and [`table`]: several of them for people to read.

use std::{fmt::Write, time::Duration};

use crate::Broker;

/// What came of a run.
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

/// Returns a table with a line for each run.
#[must_use]
pub fn table(reports: &[Report]) -> String {
    let head = [
        "broker",
        "jobs",
        "executions",
        "kills",
        "restarts",
        "redeliveries",
        "dead letters",
        "seconds",
        "violations",
    ];
    let mut table = head.join(" | ");
    for report in reports {
        let Report {
            broker,
            jobs,
            executions,
            kills,
            restarts,
            redeliveries,
            dead_letters,
            time,
            violations,
        } = report;
        let seconds = time.as_secs_f64();
        let cells = format!(
            "\n{broker:>6} | {jobs:>4} | {executions:>10} | {kills:>5} | {restarts:>8} | {redeliveries:>12} | \
             {dead_letters:>12} | {seconds:>7.1} | {:>10}",
            violations.len()
        );
        // Writing to a text does not fail.
        let _ = write!(table, "{cells}");
    }
    table
}
