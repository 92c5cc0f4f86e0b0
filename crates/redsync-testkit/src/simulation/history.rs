//! [`History`]: everything that happened in one world, under the eyes of the invariants.

use std::any::Any;

use super::{
    counts::Counts,
    event::Event,
    invariants::{self, Invariant, View},
};

/// The events of one world, in their order.
pub(super) struct History {
    events: Vec<Event>,
    counts: Counts,
    invariants: Vec<Box<dyn Invariant>>,
    violation: Option<Violation>,
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// How.
    pub how: String,
    /// Everything that happened until then, a line each.
    pub log: Vec<String>,
}

impl History {
    pub(super) fn new() -> Self {
        let counts = Counts { seeds: 1, ..Counts::default() };
        Self { events: Vec::new(), counts, invariants: invariants::all(), violation: None }
    }

    /// Takes in an event, and has it judged. After the first violation nothing is taken in any more.
    pub(super) fn record(&mut self, event: Event, view: &View<'_>) {
        if self.violation.is_some() {
            return;
        }
        self.counts.add(&event);
        let judge = |invariant: &mut Box<dyn Invariant>| {
            invariant.observe(&event, view).err().map(|how| (invariant.name(), how))
        };
        let violation = self.invariants.iter_mut().find_map(judge);
        self.events.push(event);
        if let Some((invariant, how)) = violation {
            self.violate(invariant, how);
        }
    }

    /// The world has ended in a panic: a bug, or tasks that go on and on while the clock stands still.
    pub(super) fn panicked(&mut self, panic: &(dyn Any + Send)) {
        if self.is_violated() {
            return;
        }
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        self.violate("no panic", message.unwrap_or("of an unknown kind").to_owned());
    }

    fn violate(&mut self, invariant: &'static str, how: String) {
        self.counts.violations = 1;
        let log = self.events.iter().map(ToString::to_string).collect();
        self.violation = Some(Violation { invariant, how, log });
    }

    pub(super) fn is_violated(&self) -> bool {
        self.violation.is_some()
    }

    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(super) fn into_parts(self) -> (Counts, Option<Violation>) {
        (self.counts, self.violation)
    }
}
