//! No update is lost: whoever writes under a valid guard has seen everything that was written before.
//!
//! A record that was appended when its writer's guard was not valid any more, because the process was stopped or had no
//! processor after it had looked, is stale. The same is assumed of a writer that was killed before it could say. No
//! lock can prevent stale records, only a fence can, so they are counted, and no loss is blamed on the lock that a
//! stale record had a part in. What remains, two writers at once that both were in time, is the lock's own.

use std::collections::BTreeMap;

use crate::{
    history::{Hold, Who},
    ledger::Record,
};

/// Counts updates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Updates {
    /// Counts those whose writers confirmed them.
    pub(crate) confirmed: usize,
    /// Counts those whose writers were killed first.
    pub(crate) unconfirmed: usize,
    /// Counts those that crossed another one, but were written, or the other was, without a valid guard.
    pub(crate) stale: usize,
    /// Counts those that were lost under valid guards.
    pub(crate) lost: usize,
}

/// Checks the records of one lock, counts them, and returns what is wrong.
pub(super) fn check(name: &str, records: &[Record], holds: &[&Hold], updates: &mut Updates) -> Vec<String> {
    let writers = holds.iter().filter(|hold| hold.wrote.is_some()).map(|hold| (hold.who, *hold)).collect();
    let mut violations = missing(records, &writers);
    let mut crossed = 0;
    for (at, record) in records.iter().enumerate() {
        let is_confirmed = writers.contains_key(&writer(record));
        *(if is_confirmed { &mut updates.confirmed } else { &mut updates.unconfirmed }) += 1;
        let unseen = usize::try_from(record.seen).ok().and_then(|seen| records.get(seen..at));
        let Some(unseen) = unseen.filter(|unseen| !unseen.is_empty()) else { continue };
        crossed += 1;
        match lost(unseen, record, &writers) {
            Some(holds) => {
                updates.lost += 1;
                violations
                    .push(format!("an update of {name} is lost, of the first by the second:\n    {holds}"));
            }
            None => updates.stale += 1,
        }
    }
    violations.extend(wrong_sum(name, records, crossed));
    violations
}

/// Finds another one that its writer had not seen, where both were in time.
fn lost(unseen: &[Record], record: &Record, writers: &BTreeMap<Who, &Hold>) -> Option<String> {
    let hold = in_time(record, writers)?;
    let other = unseen.iter().find_map(|other| in_time(other, writers))?;
    Some(format!("{other}\n    {hold}"))
}

/// Finds those that were confirmed, but are not in the file.
fn missing(records: &[Record], writers: &BTreeMap<Who, &Hold>) -> Vec<String> {
    let there: BTreeMap<_, _> = records.iter().map(|record| (writer(record), record)).collect();
    let missing = writers.values().filter(|hold| !there.contains_key(&hold.who));
    missing.map(|hold| format!("a confirmed update is missing:\n    {hold}")).collect()
}

/// Compares the counter with the number of updates, which are equal where none crossed another.
fn wrong_sum(name: &str, records: &[Record], crossed: usize) -> Option<String> {
    let (count, counter) = (records.len() as u64, records.last().map_or(0, |record| record.counter));
    let is_wrong = crossed == 0 && count != counter;
    is_wrong.then(|| format!("the counter of {name} is {counter} after {count} updates"))
}

fn in_time<'a>(record: &Record, writers: &BTreeMap<Who, &'a Hold>) -> Option<&'a Hold> {
    writers.get(&writer(record)).copied().filter(|hold| matches!(hold.wrote, Some((_, true))))
}

fn writer(record: &Record) -> Who {
    Who { contender: record.who, attempt: record.attempt }
}

#[cfg(test)]
mod tests {
    use super::super::hold;
    use super::*;

    #[test]
    fn crossing_updates_are_lost_only_when_both_were_in_time() {
        // Of the second writer, which has not seen the first one's update.
        let cases = [(Some((60, true)), 1, 0), (Some((120, false)), 0, 1), (None, 0, 1)];
        for (wrote, lost, stale) in cases {
            let first = Hold { wrote: Some((50, true)), ..hold(1, 0, 10, 100) };
            let second = Hold { wrote, ..hold(2, 0, 10, 100) };
            let mut updates = Updates::default();
            let records = [record(0, 1, 1), record(0, 1, 2)];
            let violations = check("plain-1", &records, &[&first, &second], &mut updates);
            assert_eq!(
                (violations.len(), updates.lost, updates.stale),
                (lost, lost, stale),
                "{violations:?}"
            );
        }
    }

    #[test]
    fn updates_that_follow_each_other_add_up() {
        let holds = [1, 2].map(|attempt| Hold { wrote: Some((50, true)), ..hold(attempt, 0, 10, 100) });
        let mut updates = Updates::default();
        let holds: Vec<_> = holds.iter().collect();
        assert_eq!(check("plain-1", &[record(0, 1, 1), record(1, 2, 2)], &holds, &mut updates), [""; 0]);
        assert_eq!(updates, Updates { confirmed: 2, ..Updates::default() });
    }

    #[test]
    fn missing_updates_and_a_wrong_sum_are_found() {
        let hold = Hold { wrote: Some((50, true)), ..hold(1, 0, 10, 100) };
        let mut updates = Updates::default();
        assert_eq!(check("plain-1", &[], &[&hold], &mut updates).len(), 1);
        assert_eq!(check("plain-1", &[record(0, 2, 1)], &[&hold], &mut updates).len(), 1);
    }

    fn record(seen: u64, counter: u64, attempt: u64) -> Record {
        Record { seen, counter, who: 1, attempt }
    }
}
