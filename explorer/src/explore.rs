//! Searches breadth first, so that what it finds first is among the shortest.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    time::{Duration, Instant},
};

use crate::{
    arena::Arena,
    fingerprint,
    search::Search,
    trace,
    world::{Happening, World},
};

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many different states were seen.
    pub states: usize,
    /// How many steps between them.
    pub transitions: usize,
    /// How many steps the furthest state is away from the first.
    pub depth: usize,
    /// How many different states of single clients there were.
    pub clients: usize,
    /// Whether every state was seen.
    pub exhausted: bool,
    /// How long it took.
    pub took: Duration,
    /// What must hold and does not.
    pub violation: Option<Violation>,
}

/// What must hold and does not, with a shortest way to it.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What is wrong.
    pub invariant: &'static str,
    /// What happened, step by step.
    pub trace: Vec<String>,
}

/// A fingerprint is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }
}

/// Where a state was first come from, and by which of the happenings there.
#[derive(Clone, Copy)]
struct From {
    parent: u32,
    happening: u16,
}

struct Exploration<'a> {
    arena: Arena<'a>,
    seen: HashSet<u128, BuildHasherDefault<AsItIs>>,
    origins: Vec<From>,
    frontier: VecDeque<(u32, u32, World)>,
    report: Report,
}

/// Sees every state of the search, up to `most`, until something is wrong.
pub fn run(search: &Search, most: usize) -> Report {
    let start = Instant::now();
    let mut arena = Arena::new(search);
    let first = World::first(&mut arena);
    let mut exploration = Exploration {
        arena,
        seen: HashSet::default(),
        origins: Vec::new(),
        frontier: VecDeque::new(),
        report: Report::EMPTY,
    };
    exploration.add(first, From { parent: 0, happening: 0 }, 0);
    exploration.go_on(most);
    let mut report = exploration.report;
    report.states = exploration.seen.len();
    report.clients = exploration.arena.len();
    report.took = start.elapsed();
    report
}

impl Report {
    const EMPTY: Self = Self {
        states: 0,
        transitions: 0,
        depth: 0,
        clients: 0,
        exhausted: false,
        took: Duration::ZERO,
        violation: None,
    };
}

impl Exploration<'_> {
    fn add(&mut self, world: World, from: From, depth: u32) {
        if self.seen.insert(fingerprint::of(&world)) {
            let number = u32::try_from(self.origins.len()).unwrap_or(u32::MAX);
            self.origins.push(from);
            self.frontier.push_back((number, depth, world));
            self.report.depth = depth as usize;
        }
    }

    fn go_on(&mut self, most: usize) {
        let mut happenings = Vec::new();
        while let Some((number, depth, world)) = self.frontier.pop_front() {
            if self.seen.len() > most {
                return;
            }
            let must = world.happenings(&self.arena, &mut happenings);
            if !must && let Some(invariant) = world.check_end(&self.arena) {
                return self.violated(invariant, number, None);
            }
            for (index, happening) in (0..).zip(&happenings) {
                let from = From { parent: number, happening: index };
                let mut next = world.clone();
                let breach = next.happen(*happening, &mut self.arena);
                self.report.transitions += 1;
                if let Some(invariant) = breach.or_else(|| next.check(&self.arena)) {
                    self.report.depth = depth as usize + 1;
                    return self.violated(invariant, number, Some(*happening));
                }
                next.settle(&mut self.arena);
                self.add(next, from, depth + 1);
            }
        }
        self.report.exhausted = true;
    }

    fn violated(&mut self, invariant: &'static str, at: u32, last: Option<Happening>) {
        let mut choices = Vec::new();
        let mut number = at;
        while number > 0 {
            let Some(from) = self.origins.get(number as usize) else { break };
            choices.push(usize::from(from.happening));
            number = from.parent;
        }
        choices.reverse();
        let trace = trace::tell(&mut self.arena, &choices, last);
        self.report.violation = Some(Violation { invariant, trace });
    }
}
