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
    /// How many locks were turned into tokens.
    pub hand_overs: u64,
    /// How many locks were adopted from tokens.
    pub adoptions: u64,
    /// How many locks have gone back to their tokens.
    pub hand_backs: u64,
    /// How many fencing numbers were drawn.
    pub fences: u64,
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
            What::Granted(granted) => {
                let count = if granted.token.is_some() { &mut self.adoptions } else { &mut self.locks };
                *count += 1;
                self.fences += u64::from(granted.fence.is_some());
            }
            What::HandedOver(_) => self.hand_overs += 1,
            What::HandedBack { .. } => self.hand_backs += 1,
            What::Over(..)
            | What::Called(..)
            | What::Extended { .. }
            | What::Says { .. }
            | What::Works { .. }
            | What::Lost { .. }
            | What::GivenUp { .. }
            | What::Kept { .. }
            | What::Adopts { .. }
            | What::NotAdopted { .. }
            | What::HandsBack { .. }
            | What::Recovered { .. }
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
        self.hand_overs += other.hand_overs;
        self.adoptions += other.adoptions;
        self.hand_backs += other.hand_backs;
        self.fences += other.fences;
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
        let Self { seeds, locks, hand_overs, adoptions, hand_backs, fences, violations, .. } = self;
        let (calls, faults) = (self.all_calls(), self.all_faults());
        writeln!(
            f,
            "{seeds} seeds, {calls} calls, {locks} locks taken, {hand_overs} handed over, {adoptions} adopted, \
             {hand_backs} handed back, {fences} fences, {faults} faults, {violations} violations"
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
