//! What has to hold of every history.
//!
//! - No two periods overlap in which guards of one name were valid ([`overlap`]).
//! - The history is that of a mutex ([`linear`]), as far as holders, extensions and releases tell.
//! - No update is lost that was made under a valid guard ([`updates`]).
//! - No lock is told to be lost while its guard is valid ([`truth`]).
//! - Every call returns by its deadline ([`calls`]).
//! - Nothing is left on the servers, and every contender ended as it should.
//!
//! Moments are those of one clock, and a period is never taken to be longer than it was: it begins when the call had
//! returned, and ends when the one that gives the lock back begins, or with the validity. So a process that is
//! stopped anywhere, also between reading the clock and writing the log, makes the check miss something at worst.

mod calls;
mod linear;
mod overlap;
mod truth;
mod updates;

use std::{collections::BTreeMap, io, path::Path};

use crate::{crew::Life, history::History, ledger, terms::LOCKS};

/// Is what a check found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Counts the locks that were held.
    pub(crate) holds: usize,
    /// Counts failures by call and kind.
    pub(crate) failures: BTreeMap<String, usize>,
    pub(crate) updates: updates::Updates,
    /// Is the longest call, in nanoseconds, without the time in which its process was stopped.
    pub(crate) longest_call: u64,
    /// Tells, for each breach, who did and saw what.
    pub(crate) violations: Vec<String>,
}

/// Checks a history, the files of its locks, and what was left on the servers.
pub(crate) fn check(history: &History, dir: &Path, left: &[String]) -> io::Result<Checked> {
    let mut checked =
        Checked { holds: history.holds.len(), failures: history.failures.clone(), ..Checked::default() };
    for (name, _) in LOCKS {
        let holds: Vec<_> = history.holds.iter().filter(|hold| hold.name == name).collect();
        let records = ledger::read(dir, name)?;
        checked.violations.extend(overlap::check(&holds));
        checked.violations.extend(linear::check(&holds));
        checked.violations.extend(updates::check(name, &records, &holds, &mut checked.updates));
        checked.violations.extend(holds.iter().filter_map(|hold| truth::check(hold)));
    }
    let (longest_call, late) = calls::check(&history.spans, &history.lives);
    checked.longest_call = longest_call;
    checked.violations.extend(late);
    checked.violations.extend(left.iter().map(|key| format!("left behind: {key}")));
    checked.violations.extend(history.lives.iter().filter_map(trouble));
    Ok(checked)
}

fn trouble(life: &Life) -> Option<String> {
    life.trouble.as_ref().map(|trouble| format!("contender {}: {trouble}", life.who))
}

/// Makes a hold for the tests of checks.
#[cfg(test)]
fn hold(attempt: u64, asked: u64, got: u64, valid_until: u64) -> crate::history::Hold {
    crate::history::Hold {
        who: crate::history::Who { contender: 1, attempt },
        name: "plain-1".to_owned(),
        value: format!("value-{attempt}"),
        asked,
        got,
        valid_until,
        extended: Vec::new(),
        lost: None,
        given_back: None,
        released: None,
        wrote: None,
    }
}
