//! [`Held`]: what a guard and the background work of its lock share.

use std::{
    cmp::Ordering,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use event_listener::{Event, EventListener};

use crate::{
    Moment, Value,
    machine::{Lease, Machine, NodeSet},
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
    pub(crate) valid_until: Moment,
    /// The nodes that certainly hold the value until `held_until`.
    pub(crate) nodes: NodeSet,
    /// The validity that the lock was granted, or last extended to. A node that missed an extension is not among
    /// `nodes` any more: its key ends earlier, and a rival may then have set the same value there.
    held_until: Moment,
    /// The nodes that certainly do not. They need not be asked to delete it, which is worth most where a node
    /// hangs: what was never sent there needs no clean-up.
    pub(crate) absent: NodeSet,
    /// The nodes that were asked to set the key anew, and may have done so without a word.
    pub(crate) revivable: NodeSet,
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

    /// A number for a machine that keeps in step with the lock.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.followers += 1;
        self.followers
    }

    /// The nodes where something that is still on its way may delete the value before a release does.
    pub(crate) fn may_be_undone(&self) -> NodeSet {
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

    /// Marks the lock as given back, and tells whether it was so before; the nodes that are known to hold it stay
    /// as they are from then on.
    pub(crate) fn give_back(&self) -> bool {
        let again = std::mem::replace(&mut self.state().is_given_back, true);
        self.given_back.notify(usize::MAX);
        again
    }

    /// Notified when the lock is given back from now on.
    pub(crate) fn on_give_back(&self) -> EventListener {
        self.given_back.listen()
    }
}
