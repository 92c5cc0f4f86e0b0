//! Exclusion (P1): while a guard says that it is valid, no other guard of the same name does, nor while a token waits
//! that nobody has begun to adopt.

use std::{sync::Arc, time::Duration};

use redsync_core::Moment;

use super::{Invariant, View};
use crate::simulation::event::{Event, HandedOver, What};

#[derive(Default)]
pub(super) struct Exclusion {
    held: Vec<Period>,
}

/// The time in which a guard says that it is valid. A killed holder's runs on, since its keys do.
struct Period {
    lock: u32,
    /// The token that the lock was turned into.
    token: Option<u32>,
    name: Arc<str>,
    until: Moment,
}

impl Invariant for Exclusion {
    fn name(&self) -> &'static str {
        "exclusion"
    }

    fn observe(&mut self, event: &Event, _: &View<'_>) -> Result<(), String> {
        match &event.what {
            What::Granted(granted) => {
                let (lock, name) = (granted.lock, Arc::clone(&granted.name));
                let until = event.at.plus(granted.valid_for);
                self.held.push(Period { lock, token: None, name, until });
                self.check(lock, event.at)
            }
            What::HandedOver(HandedOver { lock, token, name, valid_for, .. }) => {
                self.held.retain(|period| period.lock != *lock);
                let (name, until) = (Arc::clone(name), event.at.plus(*valid_for));
                self.held.push(Period { lock: *lock, token: Some(*token), name, until });
                self.check(*lock, event.at)
            }
            // An adopter that is killed leaves the lock to a shorter TTL.
            What::Adopts { token } => {
                self.held.retain(|period| period.token != Some(*token));
                Ok(())
            }
            What::Extended { lock, valid_for } => self.extended(*lock, *valid_for, event.at),
            What::Works { lock, valid_for, .. } if !valid_for.is_zero() => {
                self.extended(*lock, *valid_for, event.at)
            }
            What::Says { lock, is_valid: true, valid_for } => self.says_valid(*lock, *valid_for, event.at),
            What::Works { lock, .. } | What::Lost { lock } | What::GivenUp { lock } => {
                self.held.retain(|period| period.lock != *lock);
                Ok(())
            }
            What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::Returned(_)
            | What::Says { is_valid: false, .. }
            | What::Kept { .. }
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

impl Exclusion {
    fn extended(&mut self, lock: u32, valid_for: Duration, now: Moment) -> Result<(), String> {
        for period in self.held.iter_mut().filter(|period| period.lock == lock) {
            period.until = now.plus(valid_for);
        }
        self.check(lock, now)
    }

    /// Only a grant and an extension can make it two.
    fn check(&self, lock: u32, now: Moment) -> Result<(), String> {
        let ours = self.held.iter().find(|period| period.lock == lock && period.until > now);
        ours.map_or(Ok(()), |ours| self.check_rivals(ours, now))
    }

    /// A guard that calls itself valid is believed, whatever it was granted.
    fn says_valid(&mut self, lock: u32, valid_for: Duration, now: Moment) -> Result<(), String> {
        for period in self.held.iter_mut().filter(|period| period.lock == lock) {
            // It may have been extended in the background.
            period.until = period.until.max(now.plus(valid_for));
        }
        let ours = self.held.iter().find(|period| period.lock == lock);
        ours.map_or(Ok(()), |ours| self.check_rivals(ours, now))
    }

    fn check_rivals(&self, ours: &Period, now: Moment) -> Result<(), String> {
        let is_rival = |period: &&Period| period.lock != ours.lock && period.name == ours.name;
        match self.held.iter().filter(|period| period.until > now).find(is_rival) {
            Some(other) => Err(format!(
                "locks {} and {} are both valid, the one for {:?}, the other for {:?}",
                ours.lock,
                other.lock,
                ours.until.since(now),
                other.until.since(now)
            )),
            None => Ok(()),
        }
    }
}
