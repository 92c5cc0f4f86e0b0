//! [`Doubts`]: at which nodes a fixed value must not be used yet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Value, machine::NodeSet};

type Key = (Arc<str>, Value);

/// The nodes where a request about a fixed value is unanswered or unconfirmed, by lock and value.
///
/// A delete that is still on its way would hit the next key of the same value, so the next call of this process
/// with the same name and value leaves those nodes out.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    tickets: Mutex<Tickets>,
}

#[derive(Debug, Default)]
struct Tickets {
    last: u64,
    open: BTreeMap<Key, Vec<(u64, NodeSet)>>,
}

/// The doubts of one call, which end with it.
pub(crate) struct Ticket {
    doubts: Arc<Doubts>,
    key: Key,
    number: u64,
    nodes: NodeSet,
}

impl Doubts {
    pub(crate) fn nodes(&self, name: &Arc<str>, value: &Value) -> NodeSet {
        let tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let open = tickets.open.get(&(Arc::clone(name), value.clone()));
        open.into_iter().flatten().fold(NodeSet::EMPTY, |nodes, (_, more)| nodes.union(*more))
    }

    pub(crate) fn ticket(self: &Arc<Self>, name: &Arc<str>, value: &Value) -> Ticket {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.last = tickets.last.wrapping_add(1);
        let key = (Arc::clone(name), value.clone());
        Ticket { doubts: Arc::clone(self), key, number: tickets.last, nodes: NodeSet::EMPTY }
    }

    fn set(&self, key: &Key, number: u64, nodes: NodeSet) {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let open = tickets.open.entry(key.clone()).or_default();
        open.retain(|(other, _)| *other != number);
        if !nodes.is_empty() {
            open.push((number, nodes));
        }
        if open.is_empty() {
            tickets.open.remove(key);
        }
    }
}

impl Ticket {
    /// Replaces the nodes in doubt by `nodes`.
    pub(crate) fn set(&mut self, nodes: NodeSet) {
        if self.nodes != nodes {
            self.nodes = nodes;
            self.doubts.set(&self.key, self.number, nodes);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.set(NodeSet::EMPTY);
    }
}
