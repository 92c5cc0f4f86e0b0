//! What happened to a job that was not done, for people to read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{Entry, What};

/// The history of a job: its own lines, the deaths of workers that had it, and what happened to the broker meanwhile. Times
/// are counted from its first line. What is the same many times in a row, as while a broker is away, stands there once.
pub(crate) fn story(history: &[Entry], job: &str) -> String {
    let Some(begin) = history.iter().position(|entry| entry.job == job) else {
        return "  nothing was heard of it".to_owned();
    };
    let history = history.get(begin..).unwrap_or_default();
    let had_it: BTreeSet<u32> =
        history.iter().filter(|entry| entry.job == job).map(|entry| entry.pid).collect();
    let is_part = |entry: &&Entry| match entry.what {
        What::Killed => had_it.contains(&entry.pid),
        What::Down | What::Up => true,
        What::Published
        | What::Unpublished
        | What::First
        | What::Again
        | What::Refused
        | What::Begin
        | What::End
        | What::Failed
        | What::Stopped
        | What::Told
        | What::Dead => entry.job == job,
    };
    let start = history.first().map_or(0, |entry| entry.at);
    let parts: Vec<_> = history.iter().filter(is_part).collect();
    let is_same = |one: &&Entry, other: &&Entry| told(one) == told(other);
    let lines: Vec<_> = parts.chunk_by(is_same).filter_map(|entries| line(entries, start)).collect();
    lines.join("\n")
}

/// The histories of all jobs that were not done. Those of which nothing was heard are counted.
pub(crate) fn unfinished(history: &[Entry], jobs: &BTreeMap<String, String>) -> String {
    let heard_of: BTreeSet<&str> = history.iter().map(|entry| entry.job.as_str()).collect();
    let ends = history.iter().filter(|entry| entry.what == What::End);
    let ended: BTreeSet<&str> = ends.map(|entry| entry.job.as_str()).collect();
    let open = jobs.iter().filter(|(job, _)| !ended.contains(job.as_str()));
    let (open, silent): (Vec<_>, Vec<_>) = open.partition(|(job, _)| heard_of.contains(job.as_str()));
    let mut text = format!("of {} jobs nothing was heard", silent.len());
    for (job, name) in open {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{job} of {name} was not done:\n{}", story(history, job));
    }
    text
}

/// One line for what is the same.
fn line(entries: &[&Entry], start: u64) -> Option<String> {
    let (first, last) = (entries.first()?, entries.last()?);
    let (what, pid, why) = told(first);
    let mut line = format!("  {} {what:?} ({pid})", since(start, first.at));
    if !why.is_empty() {
        line += &format!(": {why}");
    }
    if entries.len() > 1 {
        line += &format!("; {} times, until {}", entries.len(), since(start, last.at));
    }
    Some(line)
}

fn told(entry: &Entry) -> (What, u32, &str) {
    (entry.what, entry.pid, &entry.why)
}

fn since(start: u64, at: u64) -> String {
    // The clock may be set back.
    let ms = at.saturating_sub(start);
    format!("+{}.{:03} s", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Done, check};

    const HISTORY: &str = "\
1000 published b n 1
1100 down - - 1 Stop
1200 up - - 1
1300 unpublished a n 1 nobody is there
1400 unpublished a n 1 nobody is there
1900 unpublished a n 1 nobody is there
2000 first a n 7
2001 begin a n 7
2002 published a n 1
2003 end b n 8
3000 killed - - 7
3001 killed - - 8
3100 down - - 1 Kill
9000 up - - 1
9004 first a n 9
9005 dead a n 9 it was used up
9006 refused a n 9 it was used up";

    const OF_A: &str = "  \
+0.000 s Unpublished (1): nobody is there; 3 times, until +0.600 s
  +0.700 s First (7)
  +0.701 s Begin (7)
  +0.702 s Published (1)
  +1.700 s Killed (7)
  +1.800 s Down (1): Kill
  +7.700 s Up (1)
  +7.704 s First (9)
  +7.705 s Dead (9): it was used up
  +7.706 s Refused (9): it was used up";

    fn history() -> Vec<Entry> {
        HISTORY.lines().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn a_job_that_was_not_done_is_reported_with_its_whole_history_in_order() {
        let jobs: BTreeMap<_, _> =
            ["a", "b"].map(|job| (job.to_owned(), "n".to_owned())).into_iter().collect();
        let violations = check(&history(), &jobs, Done::AtLeastOnce).join("\n");
        let expected = format!("a was begun 1 times and done 0 times, expected: AtLeastOnce:\n{OF_A}");
        assert!(violations.contains(&expected), "{violations}");
        assert!(!violations.contains("b was begun"), "{violations}");
    }

    #[test]
    fn a_run_that_does_not_end_tells_of_all_jobs_that_are_not_done() {
        let jobs: BTreeMap<_, _> =
            ["a", "b", "c", "d"].map(|job| (job.to_owned(), "n".to_owned())).into_iter().collect();
        let expected = format!("of 2 jobs nothing was heard\na of n was not done:\n{OF_A}");
        assert_eq!(unfinished(&history(), &jobs), expected);
        assert_eq!(story(&history(), "c"), "  nothing was heard of it");
    }
}
