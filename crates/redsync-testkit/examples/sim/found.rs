//! [`Found`]: a promise that was broken in one world, and what led to it.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use redsync_testkit::simulation::Violation;

/// How many of the last events are shown; all of them are in a file.
const TAIL: usize = 200;

/// A violation.
pub(crate) struct Found {
    pub(crate) seed: u64,
    pub(crate) violation: Violation,
}

impl Found {
    /// Tells what is wrong, and by which command it can be seen again.
    pub(crate) fn tell(&self, out: &mut impl Write, also: &str) -> io::Result<()> {
        let Self { seed, violation: Violation { invariant, how, .. } } = self;
        writeln!(out, "seed {seed} violates {invariant}: {how}")?;
        writeln!(out, "  to see it happen: cargo xtask sim --replay {seed}{also}")
    }

    /// Tells what happened last, and leaves everything that happened in `directory`.
    pub(crate) fn tell_events(&self, out: &mut impl Write, directory: &Path) -> io::Result<()> {
        let Self { seed, violation: Violation { log, .. } } = self;
        let file = directory.join(format!("{seed}.log"));
        fs::create_dir_all(directory)?;
        fs::write(&file, log.join("\n") + "\n")?;
        let tail = log.get(log.len().saturating_sub(TAIL)..).unwrap_or_default();
        writeln!(out, "seed {seed}: the last {} of {} events", tail.len(), log.len())?;
        tail.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        writeln!(out, "  all of them: {}", file.display())
    }
}

#[cfg(test)]
mod tests {
    use redsync_testkit::simulation::{Broken, Settings, simulate};

    use super::*;

    #[test]
    fn a_violation_comes_with_its_events_and_the_command_that_replays_it() {
        let settings = Settings { broken: Some(Broken::Data), ..Settings::default() };
        let violated = |seed| Some(Found { seed, violation: simulate(seed, &settings).violation? });
        let found = (0..500).find_map(violated).expect("lost data breaks something");
        let (directory, mut out) = (tempfile::tempdir().unwrap(), Vec::new());
        found.tell_events(&mut out, directory.path()).unwrap();
        found.tell(&mut out, " --broken data").unwrap();
        let out = String::from_utf8(out).unwrap();
        let log = &found.violation.log;
        let last = log.iter().rev().take(TAIL).rev();
        assert!(out.contains(&last.cloned().collect::<Vec<_>>().join("\n")), "{out}");
        assert!(out.contains(&format!("cargo xtask sim --replay {} --broken data\n", found.seed)), "{out}");
        let file = fs::read_to_string(directory.path().join(format!("{}.log", found.seed))).unwrap();
        assert!(file.lines().eq(log));
    }
}
