//! [`Doubts`]: at which nodes a value that rivals may use too must not be used yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Value, machine::NodeSet};

/// The nodes where a request about such a value is unanswered or unconfirmed, by lock and value.
///
/// A delete that is still on its way would hit the next key of the same value, so this process does not use
/// the value there before that is over.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    open: Mutex<Vec<Doubt>>,
}

#[derive(Debug)]
struct Doubt {
    /// Which call has it.
    ticket: u64,
    name: Arc<str>,
    value: Value,
    nodes: NodeSet,
}

/// The doubts of one call, which end with it.
pub(crate) struct Ticket {
    doubts: Arc<Doubts>,
    name: Arc<str>,
    number: u64,
    is_used: bool,
}

impl Doubts {
    /// The nodes where `value` of the lock called `name` is in doubt.
    pub(crate) fn nodes(&self, name: &str, value: &Value) -> NodeSet {
        let open = self.open();
        let same = open.iter().filter(|doubt| *doubt.name == *name && doubt.value == *value);
        same.fold(NodeSet::EMPTY, |nodes, doubt| nodes.union(doubt.nodes))
    }

    /// A ticket for one call; `number` is one that no other call has.
    pub(crate) fn ticket(self: &Arc<Self>, name: &Arc<str>, number: u64) -> Ticket {
        Ticket { doubts: Arc::clone(self), name: Arc::clone(name), number, is_used: false }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Doubt>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Replaces what is in doubt for this call.
    pub(crate) fn set(&mut self, values: Vec<(Value, NodeSet)>) {
        // Most calls use values of our own and never come here.
        if values.is_empty() && !self.is_used {
            return;
        }
        self.is_used = !values.is_empty();
        let mut open = self.doubts.open();
        open.retain(|doubt| doubt.ticket != self.number);
        open.extend(values.into_iter().filter(|(_, nodes)| !nodes.is_empty()).map(|(value, nodes)| Doubt {
            ticket: self.number,
            name: Arc::clone(&self.name),
            value,
            nodes,
        }));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.set(Vec::new());
    }
}
