//! [`Holding`]: a held lock, with what `Guard` does with it.

use std::sync::Arc;

use redsync_core::{
    Moment, Value,
    machine::{Lease, Machine, NodeSet},
};

use crate::{held::Held, plans::all_nodes};

/// What is known of a lock that is to be extended or released.
pub(crate) struct Target {
    pub(crate) value: Value,
    pub(crate) exact: bool,
    pub(crate) nodes: NodeSet,
    pub(crate) may_be_deleted: NodeSet,
    pub(crate) valid_until: Moment,
}

/// A lock that a client holds or held.
#[derive(Debug)]
pub(crate) struct Holding {
    held: Held,
    /// The client's round that took it.
    pub(crate) round: u8,
}

impl Holding {
    pub(crate) fn new(lease: Lease, round: u8) -> Self {
        Self { held: Held::new(Arc::from("lock"), lease), round }
    }

    /// Until when the guard says that it is valid; `None` when it has been given back.
    pub(crate) fn valid_until(&self) -> Option<Moment> {
        let state = self.held.state();
        (!state.is_given_back).then_some(state.valid_until)
    }

    pub(crate) fn note<M: Machine>(&self, machine: &M, slot: usize) {
        let mut state = self.held.state();
        if !state.is_given_back {
            state.note(machine, u64::try_from(slot).unwrap_or(u64::MAX));
        }
    }

    /// As `Guard::extension` does.
    pub(crate) fn to_extend(&self, revive: bool) -> Target {
        let target = Target { valid_until: self.valid_until().unwrap_or_default(), ..self.target() };
        if revive {
            let mut state = self.held.state();
            state.revivable = state.revivable.union(target.nodes);
            state.absent = state.absent.without(state.revivable);
        }
        target
    }

    /// As `Guard::give_back` does.
    pub(crate) fn give_back(&self) -> Target {
        let again = self.held.give_back();
        let mut target = self.target();
        let state = self.held.state();
        target.nodes = target.nodes.without(state.absent);
        target.may_be_deleted = state.may_be_undone();
        drop(state);
        if again && !target.exact {
            target.may_be_deleted = target.nodes;
        }
        target
    }

    /// As `Guard::extend` does when it succeeds.
    pub(crate) fn prolong(&self, valid_until: Moment, now: Moment) {
        let mut state = self.held.state();
        if state.valid_until > now {
            state.valid_until = state.valid_until.max(valid_until);
        }
    }

    /// As `Guard::extend` does when the lock is lost.
    pub(crate) fn lose(&self) {
        self.held.state().valid_until = Moment::default();
    }

    /// As `Guard::release` does when it fails.
    pub(crate) fn keep_only(&self, nodes: NodeSet) {
        self.held.state().nodes = nodes;
    }

    fn target(&self) -> Target {
        let state = self.held.state();
        let exact = self.held.exact;
        let nodes = if exact { state.nodes } else { all_nodes() };
        let (value, valid_until) = (self.held.value.clone(), state.valid_until);
        Target { value, exact, nodes, may_be_deleted: NodeSet::EMPTY, valid_until }
    }
}

impl Clone for Holding {
    fn clone(&self) -> Self {
        let lease = Lease {
            value: self.held.value.clone(),
            exact: self.held.exact,
            valid_until: Moment::default(),
            held: NodeSet::EMPTY,
            absent: NodeSet::EMPTY,
        };
        let held = Held::new(Arc::clone(&self.held.name), lease);
        *held.state() = self.held.state().clone();
        Self { held, round: self.round }
    }
}
