//! [`Held`]: what a guard and the background work of its lock share.

use std::{
    cmp::Ordering,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use event_listener::{Event, EventListener};

use crate::{
    Moment, Value,
    machine::{Lease, Machine, NodeSet},
    target::Target,
};

/// A lock that this process holds or held.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) name: Arc<str>,
    pub(crate) value: Value,
    /// Whether rivals may use the same value.
    pub(crate) exact: bool,
    state: Mutex<State>,
    given_back: Event,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    valid_until: Moment,
    /// The nodes that certainly hold the value until `held_until`.
    nodes: NodeSet,
    /// The validity that the lock was granted, or last extended to. A node that missed an extension is not among
    /// `nodes` any more: its key ends earlier, and a rival may then have set the same value there.
    held_until: Moment,
    /// The nodes that certainly do not. They need not be asked to delete it, which is worth most where a node
    /// hangs: what was never sent there needs no clean-up.
    absent: NodeSet,
    /// The nodes that were asked to set the key anew, and may have done so without a word.
    revivable: NodeSet,
    /// By the number of an extension: the nodes where it may yet delete the value once the lock was given back.
    undoing: Vec<(u64, NodeSet)>,
    followers: u64,
    /// Whether the lock was given back; grants that arrive from then on are to be removed.
    pub(crate) is_given_back: bool,
}

impl State {
    /// Takes in what a machine has found out; `number` is its own.
    pub(crate) fn note<M: Machine>(&mut self, machine: &M, number: u64) {
        if let Some((nodes, until)) = machine.held_until() {
            match until.cmp(&self.held_until) {
                Ordering::Greater => (self.nodes, self.held_until) = (nodes, until),
                Ordering::Equal => self.nodes = self.nodes.union(nodes),
                Ordering::Less => {}
            }
        }
        self.undoing.retain(|(other, _)| *other != number);
        self.undoing.extend(Some((number, machine.may_undo())).filter(|(_, nodes)| !nodes.is_empty()));
        self.absent = self.absent.union(machine.absent()).without(machine.held().union(self.revivable));
    }

    /// One that is being given back is nobody's to rely on, whatever becomes of the release.
    fn valid_until(&self) -> Moment {
        if self.is_given_back { Moment::default() } else { self.valid_until }
    }

    /// A number for a machine that keeps in step with the lock.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.followers += 1;
        self.followers
    }

    /// The nodes where something that is still on its way may delete the value before a release does.
    fn may_be_undone(&self) -> NodeSet {
        self.undoing.iter().fold(NodeSet::EMPTY, |nodes, (_, more)| nodes.union(*more))
    }
}

impl Held {
    pub(crate) fn new(name: Arc<str>, lease: Lease) -> Self {
        let Lease { value, exact, valid_until, held: nodes, absent } = lease;
        let revivable = NodeSet::EMPTY;
        let held_until = valid_until;
        let state = State {
            valid_until,
            nodes,
            held_until,
            absent,
            revivable,
            undoing: Vec::new(),
            followers: 0,
            is_given_back: false,
        };
        Self { name, value, exact, state: Mutex::new(state), given_back: Event::new() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock, and every state is a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when nobody else can hold the lock.
    pub(crate) fn valid_until(&self) -> Moment {
        self.state().valid_until()
    }

    /// Takes in a successful extension. A validity only grows, and one that has ended does not come back.
    pub(crate) fn prolong(&self, valid_until: Moment, now: Moment) {
        let mut state = self.state();
        if state.valid_until > now {
            state.valid_until = state.valid_until.max(valid_until);
        }
    }

    /// The lock is known to be lost.
    pub(crate) fn lose(&self) {
        self.state().valid_until = Moment::default();
    }

    /// What to extend, of so many nodes.
    pub(crate) fn to_extend(&self, all: NodeSet, revive: bool) -> Target {
        let mut state = self.state();
        let target = Target { valid_until: Some(state.valid_until()), ..self.target(&state, all) };
        if revive {
            state.revivable = state.revivable.union(target.nodes);
            state.absent = state.absent.without(state.revivable);
        }
        target
    }

    /// Marks the lock as given back, and returns what to release. The nodes that are known to hold it stay as they are
    /// from then on.
    pub(crate) fn give_back(&self, all: NodeSet) -> Target {
        let mut state = self.state();
        let again = std::mem::replace(&mut state.is_given_back, true);
        let target = self.target(&state, all);
        let nodes = target.nodes.without(state.absent);
        // A release of such a value that failed goes on in the background, and has deleted what it could.
        let may_be_deleted = if again && !self.exact { nodes } else { state.may_be_undone() };
        drop(state);
        self.given_back.notify(usize::MAX);
        Target { nodes, may_be_deleted, ..target }
    }

    /// A release has failed, and has left the value in place at these nodes only.
    pub(crate) fn keep_only(&self, nodes: NodeSet) {
        self.state().nodes = nodes;
    }

    /// A value of our own can be asked for everywhere; one that rivals may use too only where it is ours.
    fn target(&self, state: &State, all: NodeSet) -> Target {
        let (value, exact) = (self.value.clone(), self.exact);
        let nodes = if exact { state.nodes } else { all };
        Target { value, exact, nodes, may_be_deleted: NodeSet::EMPTY, valid_until: Some(state.valid_until) }
    }

    /// Notified when the lock is given back from now on.
    pub(crate) fn on_give_back(&self) -> EventListener {
        self.given_back.listen()
    }
}
