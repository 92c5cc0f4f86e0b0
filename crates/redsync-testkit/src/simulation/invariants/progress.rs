//! Somebody gets the lock when a majority is up, gives it back, and background work comes to its end.

use redsync_core::Released;

use super::{Invariant, View};
use crate::simulation::event::{Event, What};

pub(super) struct Progress;

impl Invariant for Progress {
    fn name(&self) -> &'static str {
        "progress"
    }

    fn observe(&mut self, event: &Event, _: &View<'_>) -> Result<(), String> {
        match &event.what {
            What::Undisturbed { outcome: Ok(Released::Held), .. } => Ok(()),
            What::Undisturbed { name, outcome, .. } => {
                Err(format!("{name} with a majority up and nobody else there: {outcome:?}"))
            }
            What::StillBusy { tasks } => Err(format!("{tasks} tasks go on in the background")),
            What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::Returned(_)
            | What::Granted(_)
            | What::Extended { .. }
            | What::Lost { .. }
            | What::GivenUp { .. }
            | What::HandedBack { .. }
            | What::Released { .. }
            | What::MustBeClean { .. } => Ok(()),
        }
    }
}
