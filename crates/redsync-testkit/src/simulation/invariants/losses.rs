//! [`Losses`]: which servers have lost data, and when.

use std::collections::BTreeMap;

use redsync_core::{Moment, machine::NodeSet};

use crate::simulation::event::{Event, Fault, Place, What};

/// When each server has lost its data last, or went back to older data.
#[derive(Default)]
pub(super) struct Losses(BTreeMap<usize, Moment>);

impl Losses {
    pub(super) fn observe(&mut self, event: &Event) {
        if let What::Fault(Fault::LoseData | Fault::OldData, Place::Server(server)) = &event.what {
            self.0.insert(*server, event.at);
        }
    }

    /// The servers that have lost something at `moment` or later.
    pub(super) fn since(&self, moment: Moment) -> NodeSet {
        self.0.iter().filter(|(_, at)| **at >= moment).map(|(server, _)| *server).collect()
    }
}
