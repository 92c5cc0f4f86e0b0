//! Somebody gets the lock when a quorum is up, gives it back, is told what happened, and background work comes to its end.

use super::{Invariant, View};
use crate::simulation::event::{Event, What};

pub(super) struct Progress;

impl Invariant for Progress {
    fn name(&self) -> &'static str {
        "progress"
    }

    fn observe(&mut self, event: &Event, _: &View<'_>) -> Result<(), String> {
        match &event.what {
            What::Undisturbed { outcome: Ok(()), .. } => Ok(()),
            What::Undisturbed { scene, outcome: Err(why), .. } => {
                Err(format!("{scene} with a quorum up and nothing else wrong: {why}"))
            }
            What::StillBusy { tasks } => Err(format!("{tasks} tasks go on in the background")),
            What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::Returned(_)
            | What::Granted(_)
            | What::Extended { .. }
            | What::Says { .. }
            | What::Works { .. }
            | What::Lost { .. }
            | What::GivenUp { .. }
            | What::Kept { .. }
            | What::HandedOver(_)
            | What::Adopts { .. }
            | What::NotAdopted { .. }
            | What::HandsBack { .. }
            | What::HandedBack { .. }
            | What::Recovered { .. }
            | What::Released { .. }
            | What::MustBeClean { .. } => Ok(()),
        }
    }
}
