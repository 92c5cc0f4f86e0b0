//! [`Counts`]: how much of what happened in one run or in many.

use std::{collections::BTreeMap, fmt};

use super::event::{Event, Fault, Op, Outcome, What};

/// How much of what happened.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// How many worlds were simulated.
    pub seeds: u64,
    /// Faults by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Calls by what was called and what they came to.
    pub calls: BTreeMap<(Op, String), u64>,
    /// How many locks were taken.
    pub locks: u64,
    /// How many worlds did not keep what is promised.
    pub violations: u64,
}

impl Counts {
    /// Takes in what happened.
    pub(super) fn add(&mut self, event: &Event) {
        match &event.what {
            What::Fault(fault, _) => *self.faults.entry(*fault).or_default() += 1,
            What::Returned(returned) => {
                *self.calls.entry((returned.op, word(returned.outcome))).or_default() += 1;
            }
            What::Granted(_) => self.locks += 1,
            What::Over(..)
            | What::Called(..)
            | What::Extended { .. }
            | What::Says { .. }
            | What::Lost { .. }
            | What::GivenUp { .. }
            | What::HandedBack { .. }
            | What::Released { .. }
            | What::MustBeClean { .. }
            | What::StillBusy { .. }
            | What::Undisturbed { .. } => {}
        }
    }

    /// Adds what happened elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.locks += other.locks;
        self.violations += other.violations;
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        for (call, count) in &other.calls {
            *self.calls.entry(call.clone()).or_default() += count;
        }
    }

    /// How many calls there were.
    pub fn all_calls(&self) -> u64 {
        self.calls.values().sum()
    }

    /// How many faults there were.
    pub fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Ok => "Ok".to_owned(),
        Outcome::Released(released) => format!("{released:?}"),
        Outcome::Err(kind) => format!("{kind:?}"),
        Outcome::Dropped => "dropped".to_owned(),
    }
}

impl fmt::Display for Counts {
    /// One line, and then a table of each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, locks, violations, .. } = self;
        let (calls, faults) = (self.all_calls(), self.all_faults());
        writeln!(
            f,
            "{seeds} seeds, {calls} calls, {locks} locks taken, {faults} faults, {violations} violations"
        )?;
        writeln!(f, "\n| fault | times |\n| --- | ---: |")?;
        for (fault, count) in &self.faults {
            writeln!(f, "| {fault:?} | {count} |")?;
        }
        writeln!(f, "\n| call | outcome | times |\n| --- | --- | ---: |")?;
        for ((op, outcome), count) in &self.calls {
            writeln!(f, "| {op:?} | {outcome} | {count} |")?;
        }
        Ok(())
    }
}
