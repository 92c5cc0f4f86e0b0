//! Losses are told by time (P1, P8): work under a lock never goes on once too little of its validity is left, whether or
//! not any server answers, and is not stopped while there is enough.

use std::time::Duration;

use redsync_core::Loss;

use super::{Invariant, View};
use crate::simulation::event::{Event, What};

/// What comes of rounding between clocks.
const ROUNDING: Duration = Duration::from_micros(1);

pub(super) struct LossesTold;

impl Invariant for LossesTold {
    fn name(&self) -> &'static str {
        "losses told"
    }

    fn observe(&mut self, event: &Event, _: &View<'_>) -> Result<(), String> {
        let What::Works { lock, stopped, valid_for, margin } = &event.what else { return Ok(()) };
        match stopped {
            None if *valid_for + ROUNDING < *margin => Err(format!(
                "work under lock {lock} goes on with {valid_for:?} left, of which {margin:?} are to stop in"
            )),
            Some(Loss::Expiring) if *valid_for > *margin + ROUNDING => {
                Err(format!("work under lock {lock} was stopped with {valid_for:?} left"))
            }
            Some(Loss::Gone) if !valid_for.is_zero() => {
                Err(format!("lock {lock} is told to be gone, and calls itself valid for {valid_for:?}"))
            }
            Some(_) | None => Ok(()),
        }
    }
}
