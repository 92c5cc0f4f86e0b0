//! What has to hold of a history.
//!
//! The lines of all processes stand in one order, which is that of their writing: a job is noted as begun after its lock was
//! adopted, and as ended before its lock is given back, so that between the two nobody else may begin a job of the same name.
//! A worker that was killed is noted once it is gone; its lock lasts for the rest of its TTL.

use std::collections::BTreeMap;

use crate::{Entry, What, story::story};

/// What is expected of the jobs besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Each at least once: workers were killed or brokers restarted.
    AtLeastOnce,
    /// Each exactly once, begun as well as ended: nothing went wrong.
    Once,
    /// None: their locks were gone.
    Never,
}

/// Returns everything that is wrong, of a job that was not done with its whole history. `jobs` are those that were published,
/// with the names of their locks.
#[must_use]
pub fn check(history: &[Entry], jobs: &BTreeMap<String, String>, done: Done) -> Vec<String> {
    let mut check = Check::default();
    history.iter().for_each(|entry| check.take_in(entry));
    for (name, (job, pid)) in &check.open {
        check.violations.push(format!("{job} of {name} was begun by {pid} and never came to an end"));
    }
    for entry in history.iter().filter(|entry| entry.is_of_a_job()) {
        if jobs.get(&entry.job) != Some(&entry.name) {
            check.violations.push(format!("nobody has published this: {entry}"));
        }
    }
    for job in jobs.keys() {
        let count = |what| history.iter().filter(|entry| entry.what == what && entry.job == *job).count();
        let (begun, ended) = (count(What::Begin), count(What::End));
        let told = |wrong| if ended == 0 { format!("{wrong}:\n{}", story(history, job)) } else { wrong };
        check.violations.extend(counted(job, begun, ended, done).map(told));
    }
    check.violations
}

fn counted(job: &str, begun: usize, ended: usize, done: Done) -> Option<String> {
    let is_well = match done {
        Done::AtLeastOnce => ended >= 1,
        Done::Once => (begun, ended) == (1, 1),
        Done::Never => (begun, ended) == (0, 0),
    };
    (!is_well).then(|| format!("{job} was begun {begun} times and done {ended} times, expected: {done:?}"))
}

#[derive(Default)]
struct Check {
    /// Who works on what, by the name of its lock.
    open: BTreeMap<String, (String, u32)>,
    violations: Vec<String>,
}

impl Check {
    fn take_in(&mut self, entry: &Entry) {
        match entry.what {
            What::Published
            | What::Unpublished
            | What::First
            | What::Again
            | What::Refused
            | What::Told
            | What::Dead
            | What::Down
            | What::Up => {}
            What::Begin => self.begin(entry),
            What::End | What::Failed | What::Stopped => self.end(entry),
            What::Killed => self.open.retain(|_, (_, pid)| *pid != entry.pid),
        }
    }

    fn begin(&mut self, entry: &Entry) {
        let who = (entry.job.clone(), entry.pid);
        if let Some((job, pid)) = self.open.insert(entry.name.clone(), who) {
            self.violations.push(format!("{entry}, while {pid} works on {job} of the same name"));
        }
    }

    fn end(&mut self, entry: &Entry) {
        let is_open =
            |(job, pid): &mut (String, u32)| (job.as_str(), *pid) == (entry.job.as_str(), entry.pid);
        if !self.open.get_mut(&entry.name).is_some_and(is_open) {
            self.violations.push(format!("{entry}, which was not begun, or is somebody else's by now"));
        } else {
            self.open.remove(&entry.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_histories_pass_and_each_fault_is_found() {
        use Done::{AtLeastOnce, Never, Once};
        let cases: &[(&str, Done, &[&str])] = &[
            ("begin a n 1, end a n 1, begin b n 2, end b n 2, begin c m 2, end c m 2", Once, &[]),
            ("refused a n 1, refused b n 1 no lock, dead b n 1 no lock, refused c m 1", Never, &[]),
            (
                "begin a n 1, begin c m 2, killed - - 1, again a n 2, end c m 2, begin a n 2, end a n 2, begin b n 2, \
                 stopped b n 2, begin b n 2, failed b n 2, begin b n 3, end b n 3, begin a n 1, end a n 1",
                AtLeastOnce,
                &[],
            ),
            // Two of one name at once, be it the same job or another one.
            (
                "begin a n 1, begin b n 2, end b n 2, end a n 1, begin c m 1, end c m 1",
                AtLeastOnce,
                &["begin b n 2, while 1 works on a", "end a n 1, which was not begun"],
            ),
            (
                "begin a n 1, begin a n 2, killed - - 2, end a n 1, begin b n 1, end b n 1, begin c m 1, end c m 1",
                AtLeastOnce,
                &["begin a n 2, while 1 works on a", "end a n 1, which was not begun"],
            ),
            // The killing of somebody else ends nothing.
            (
                "begin a n 1, killed - - 2, begin b n 3, end b n 3, begin a n 3, end a n 3, begin c m 3, end c m 3",
                AtLeastOnce,
                &["begin b n 3, while 1 works on a"],
            ),
            // A job that is lost, one that is only begun, and one that nobody has published.
            ("begin a n 1, end a n 1, begin c m 1, end c m 1", AtLeastOnce, &["b was begun 0 times"]),
            (
                "begin a n 1, end a n 1, begin b n 1, begin c m 1, end c m 1",
                AtLeastOnce,
                &["b of n was begun by 1 and never", "b was begun 1 times and done 0"],
            ),
            (
                "begin a n 1, end a n 1, begin b n 2, end b n 2, begin c n 2, end c n 2",
                AtLeastOnce,
                &["published this: 0 begin c n 2", "published this: 0 end c n 2"],
            ),
            // More than once, and more than never.
            (
                "begin a n 1, end a n 1, begin a n 1, end a n 1, begin b n 2, end b n 2, begin c m 2, end c m 2",
                Once,
                &["a was begun 2 times and done 2"],
            ),
            (
                "begin a n 1, failed a n 1, begin a n 1, end a n 1, begin b n 2, end b n 2, begin c m 2, end c m 2",
                Once,
                &["a was begun 2 times and done 1"],
            ),
            ("begin a n 1, end a n 1", Never, &["a was begun 1 times"]),
        ];
        let jobs = [("a", "n"), ("b", "n"), ("c", "m")];
        let jobs = jobs.map(|(job, name)| (job.to_owned(), name.to_owned())).into();
        for (history, done, expected) in cases {
            let lines = history.split(", ").map(|line| format!("0 {}", line.trim()));
            let entries: Vec<Entry> = lines.map(|line| line.parse().unwrap()).collect();
            let violations = check(&entries, &jobs, *done);
            assert_eq!(violations.len(), expected.len(), "{history}: {violations:?}");
            for part in *expected {
                assert!(violations.iter().any(|found| found.contains(part)), "{part}: {violations:?}");
            }
        }
    }
}
