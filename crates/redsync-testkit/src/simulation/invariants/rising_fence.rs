//! Rising fence (P7): each fencing number of a name is greater than every earlier one, taken or adopted.

use std::{collections::BTreeMap, sync::Arc};

use super::{Invariant, View};
use crate::simulation::event::{Event, Granted, What};

/// The greatest number of each name, and the lock that has it.
#[derive(Default)]
pub(super) struct RisingFence(BTreeMap<Arc<str>, (u64, u32)>);

impl Invariant for RisingFence {
    fn name(&self) -> &'static str {
        "rising fence"
    }

    fn observe(&mut self, event: &Event, _: &View<'_>) -> Result<(), String> {
        let What::Granted(Granted { lock, name, is_fenced, fence, .. }) = &event.what else { return Ok(()) };
        match (fence, self.0.get(name)) {
            (Some(_), _) if !is_fenced => Err(format!("lock {lock} has a fence that nobody has asked for")),
            (None, _) if *is_fenced => Err(format!("lock {lock} has no fence")),
            (Some(fence), Some((highest, holder))) if fence <= highest => {
                Err(format!("lock {lock} has the fence {fence}, and lock {holder} had {highest} before it"))
            }
            (Some(fence), _) => {
                self.0.insert(Arc::clone(name), (*fence, *lock));
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }
}
