//! [`Holding`]: a held lock, by the façade's own record of it.

use std::{sync::Arc, time::Duration};

use redsync_core::{
    Moment,
    machine::{Lease, Machine, NodeSet},
};

use crate::{held::Held, meter::Hold, plans, search::NODES, target::Lasting};

/// A lock that a client holds or held.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) held: Held,
    /// The client's round that took it.
    pub(crate) round: u8,
    /// Its fencing number, and the nodes that had granted it when that was certain.
    pub(crate) fenced: Option<(u8, NodeSet)>,
    /// How many machines have kept in step with it.
    pub(crate) followers: u8,
}

/// Where the adoption may not have come. Keys end with their TTL here, so that nothing stands for longer.
const MISSED: Lasting = Lasting { nodes: NodeSet::first(NODES), until: Moment::from_origin(Duration::ZERO) };

impl Holding {
    pub(crate) fn new(lease: Lease, round: u8) -> Self {
        let fence = lease.fence.map(|fence| u8::try_from(fence).unwrap_or(u8::MAX));
        let fenced = fence.map(|fence| (fence, lease.held));
        Self { held: Held::new(Arc::from("lock"), lease, Hold), round, fenced, followers: 0 }
    }

    /// By the token.
    pub(crate) fn adopted(lease: Lease, round: u8) -> Self {
        let Self { held, fenced, .. } = Self::new(lease, round);
        Self { held: held.adopted(plans::token(), false, MISSED), round, fenced, followers: 0 }
    }

    /// Takes in what a machine has found out, as the façade does until the lock is given back.
    pub(crate) fn note<M: Machine>(&self, machine: &M, number: u8) {
        let mut state = self.held.state();
        if state.ending().is_none() {
            state.note(machine, u64::from(number));
        }
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
            fence: self.held.fence,
        };
        let held = Held::new(Arc::clone(&self.held.name), lease, Hold);
        let held =
            if self.held.adopted_from.is_some() { held.adopted(plans::token(), false, MISSED) } else { held };
        *held.state() = self.held.state().clone();
        Self { held, round: self.round, fenced: self.fenced, followers: self.followers }
    }
}
