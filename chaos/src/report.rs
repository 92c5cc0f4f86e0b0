//! What a run tells at its end.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{check::Checked, clock};

/// Is what became of one run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) driver: String,
    pub(crate) seed: u64,
    pub(crate) time: Duration,
    /// Counts faults by kind.
    pub(crate) faults: BTreeMap<&'static str, usize>,
    /// Is how long it took after the end of all contenders until no server had a key.
    pub(crate) empty_after: Duration,
    pub(crate) checked: Checked,
    pub(crate) logs: PathBuf,
}

/// The most violations that are printed of a run; all of them are in the file `violations` of its logs.
const MOST_SHOWN: usize = 10;

impl Report {
    /// Returns the first violations, with the place of the logs; nothing where there is none.
    pub(crate) fn violations(&self) -> Option<String> {
        let all = &self.checked.violations;
        let first: String = all.iter().take(MOST_SHOWN).map(|violation| format!("{violation}\n")).collect();
        (!all.is_empty()).then(|| {
            let (driver, count, logs) = (&self.driver, all.len(), self.logs.display());
            format!("{driver}, seed {}: {count} violations, logs in {logs}\n{first}", self.seed)
        })
    }

    fn row(&self) -> [String; COLUMNS.len()] {
        let Checked { holds, updates, failures, longest_call, violations } = &self.checked;
        let refused = failures.iter().filter(|(what, _)| TAKING.iter().any(|call| what.starts_with(call)));
        let refused: usize = refused.map(|(_, count)| count).sum();
        [
            self.driver.clone(),
            format!("{:.1}", self.time.as_secs_f64() / 60.0),
            holds.to_string(),
            refused.to_string(),
            (updates.confirmed + updates.unconfirmed).to_string(),
            updates.lost.to_string(),
            updates.stale.to_string(),
            self.faults.values().sum::<usize>().to_string(),
            clock::millis(*longest_call),
            format!("{:.1?}", self.empty_after),
            violations.len().to_string(),
        ]
    }
}

/// Lists the calls that take a lock, as failures are named by them.
const TAKING: [&str; 2] = ["Lock", "TryLock"];

const COLUMNS: [&str; 11] = [
    "driver",
    "minutes",
    "lock periods",
    "tries refused",
    "updates",
    "lost",
    "stale",
    "faults",
    "longest call",
    "empty after",
    "violations",
];

/// Returns one table for all runs, with what it does not have room for below.
pub(crate) fn table(reports: &[Report]) -> String {
    let rows: Vec<_> =
        std::iter::once(COLUMNS.map(str::to_owned)).chain(reports.iter().map(Report::row)).collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    let mut text: String = rows.iter().map(|row| line(row, &widths)).collect();
    for Report { driver, faults, checked, .. } in reports {
        text += &format!("{driver}: faults {}; failures {}\n", list(faults), list(&checked.failures));
    }
    text
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}"));
    format!("{}\n", cells.collect::<Vec<_>>().join("  "))
}

fn list<K: AsRef<str>>(counts: &BTreeMap<K, usize>) -> String {
    let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{} {count}", what.as_ref())).collect();
    counts.join(", ")
}
