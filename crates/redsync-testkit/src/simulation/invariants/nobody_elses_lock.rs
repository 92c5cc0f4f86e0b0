//! Nobody else's lock is touched (P3): what a valid guard stands on stays, and so does a bystander's lock.

use std::{collections::BTreeMap, sync::Arc};

use redsync_core::{Moment, Node};

use super::{Invariant, View};
use crate::simulation::{
    BYSTANDER, THEIRS,
    event::{Event, Fault, Place, What},
    plan::asked_before,
    server::Server,
};

#[derive(Default)]
pub(super) struct NobodyElsesLock {
    held: Vec<Held>,
    /// When each server has lost its data last.
    lost: BTreeMap<usize, Moment>,
}

struct Held {
    lock: u32,
    name: Arc<str>,
    value: Arc<str>,
    until: Moment,
}

impl Invariant for NobodyElsesLock {
    fn name(&self) -> &'static str {
        "nobody else's lock"
    }

    fn observe(&mut self, event: &Event, view: &View<'_>) -> Result<(), String> {
        match &event.what {
            What::Granted(granted) => self.held.push(Held {
                lock: granted.lock,
                name: Arc::clone(&granted.name),
                value: Arc::clone(&granted.value),
                until: event.at.plus(granted.valid_for),
            }),
            What::Extended { lock, valid_for } => {
                for held in self.held.iter_mut().filter(|held| held.lock == *lock) {
                    held.until = event.at.plus(*valid_for);
                }
            }
            What::Lost { lock } | What::GivenUp { lock } => self.held.retain(|held| held.lock != *lock),
            What::Fault(Fault::LoseData | Fault::OldData, Place::Server(server)) => {
                self.lost.insert(*server, event.at);
            }
            What::Returned(returned) if &*returned.name == BYSTANDER => return bystander(view),
            What::MustBeClean { .. } => return bystander(view),
            What::Returned(returned) => return self.check(&returned.name, event.at, view),
            What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::HandedBack { .. }
            | What::Released { .. }
            | What::StillBusy { .. }
            | What::Undisturbed { .. } => {}
        }
        Ok(())
    }
}

impl NobodyElsesLock {
    /// Looks at the locks of this name whenever somebody has done something about it.
    fn check(&mut self, name: &str, now: Moment, view: &View<'_>) -> Result<(), String> {
        self.held.retain(|held| held.until > now);
        for held in self.held.iter().filter(|held| &*held.name == name) {
            let standing = view.standing(name, &held.value);
            let lost = self.lost.values().filter(|lost| asked_before(held.until, **lost)).count();
            if standing + lost < view.quorum {
                let valid_for = held.until.since(now);
                return Err(format!(
                    "lock {} is valid for another {valid_for:?} and stands at {standing} servers only; \
                     {lost} have lost their data since",
                    held.lock
                ));
            }
        }
        Ok(())
    }
}

fn bystander(view: &View<'_>) -> Result<(), String> {
    let has_lost_it =
        |server: &&Server| !server.is_down() && server.node().get(BYSTANDER).as_deref() != Some(THEIRS);
    match view.servers.iter().find(has_lost_it) {
        Some(server) => Err(format!("a bystander's lock is gone from {}", server.node().label())),
        None => Ok(()),
    }
}
