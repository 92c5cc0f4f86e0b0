//! Every call returns by its deadline (P5), whatever servers and network do, and at once where a majority answers.

use std::time::Duration;

use super::{Invariant, View};
use crate::simulation::event::{Event, What};

/// What comes of rounding between clocks.
const ROUNDING: Duration = Duration::from_micros(1);

/// What calls may take where those who decide answer without delay. A node time-out is far longer.
const AT_ONCE: Duration = Duration::from_millis(1);

pub(super) struct Deadlines;

impl Invariant for Deadlines {
    fn name(&self) -> &'static str {
        "deadlines"
    }

    fn observe(&mut self, event: &Event, _: &View<'_>) -> Result<(), String> {
        if let What::Undisturbed { scene, took, .. } = &event.what
            && *took > AT_ONCE
        {
            return Err(format!("{scene} took {took:?} with a quorum that answers at once"));
        }
        let What::Returned(returned) = &event.what else { return Ok(()) };
        // A process that stands still returns from nothing.
        if returned.took > returned.limit + returned.stalled + ROUNDING {
            return Err(format!(
                "{:?} took {:?}, of which its process was stalled {:?}, with a deadline of {:?}",
                returned.op, returned.took, returned.stalled, returned.limit
            ));
        }
        Ok(())
    }
}
