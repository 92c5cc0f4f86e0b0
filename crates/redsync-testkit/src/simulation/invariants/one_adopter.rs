//! One adopter (P6): of the deliveries of one token at most one is live at a time.

use redsync_core::Moment;

use super::{Invariant, View};
use crate::simulation::event::{Event, Granted, HandedOver, What};

/// What was adopted and is not given back.
#[derive(Default)]
pub(super) struct OneAdopter(Vec<Adoption>);

struct Adoption {
    token: u32,
    lock: u32,
    until: Moment,
}

impl Invariant for OneAdopter {
    fn name(&self) -> &'static str {
        "one adopter"
    }

    fn observe(&mut self, event: &Event, _: &View<'_>) -> Result<(), String> {
        match &event.what {
            What::Granted(Granted { lock, token: Some(token), valid_for, .. }) => {
                let (token, lock, until) = (*token, *lock, event.at.plus(*valid_for));
                self.adopted(Adoption { token, lock, until }, event.at)
            }
            What::Extended { lock, valid_for } => {
                for adoption in self.0.iter_mut().filter(|adoption| adoption.lock == *lock) {
                    adoption.until = event.at.plus(*valid_for);
                }
                Ok(())
            }
            What::Lost { lock } | What::GivenUp { lock } | What::HandedOver(HandedOver { lock, .. }) => {
                self.0.retain(|adoption| adoption.lock != *lock);
                Ok(())
            }
            What::Granted(_)
            | What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::Returned(_)
            | What::Says { .. }
            | What::Works { .. }
            | What::Kept { .. }
            | What::Adopts { .. }
            | What::NotAdopted { .. }
            | What::HandsBack { .. }
            | What::HandedBack { .. }
            | What::Recovered { .. }
            | What::Released { .. }
            | What::MustBeClean { .. }
            | What::StillBusy { .. }
            | What::Undisturbed { .. } => Ok(()),
        }
    }
}

impl OneAdopter {
    fn adopted(&mut self, new: Adoption, now: Moment) -> Result<(), String> {
        self.0.retain(|adoption| adoption.until > now);
        let other = self.0.iter().find(|adoption| adoption.token == new.token);
        let told = other.map(|Adoption { token, lock, until }| {
            let left = until.since(now);
            format!("token {token} is lock {} now, and is lock {lock} for another {left:?}", new.lock)
        });
        self.0.push(new);
        told.map_or(Ok(()), Err)
    }
}
