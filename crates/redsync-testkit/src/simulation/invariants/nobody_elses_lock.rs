//! Nobody else's lock is touched (P3): what a valid guard stands on stays, and what a token does until somebody begins to
//! adopt it, and so does a bystander's lock.

use std::{sync::Arc, time::Duration};

use redsync_core::{Moment, Node, machine::NodeSet};

use super::{Invariant, View, losses::Losses};
use crate::simulation::{
    BYSTANDER, THEIRS,
    event::{Event, HandedOver, What},
    plan::asked_at,
    server::Server,
};

#[derive(Default)]
pub(super) struct NobodyElsesLock {
    held: Vec<Held>,
    losses: Losses,
}

struct Held {
    lock: u32,
    /// The token that the lock was turned into.
    token: Option<u32>,
    name: Arc<str>,
    value: Arc<str>,
    is_fixed: bool,
    until: Moment,
    /// Where it stood, and will until its validity ends, when that was last granted.
    stood: NodeSet,
    since: Moment,
}

impl Invariant for NobodyElsesLock {
    fn name(&self) -> &'static str {
        "nobody else's lock"
    }

    fn observe(&mut self, event: &Event, view: &View<'_>) -> Result<(), String> {
        self.losses.observe(event);
        match &event.what {
            What::Granted(granted) => {
                let (name, value) = (Arc::clone(&granted.name), Arc::clone(&granted.value));
                let (lock, is_fixed) = (granted.lock, granted.fixed.is_some());
                let (until, stood, since) = (event.at, NodeSet::EMPTY, event.at);
                self.held.push(Held { lock, token: None, name, value, is_fixed, until, stood, since });
                self.set(lock, granted.valid_for, event.at, view);
            }
            What::HandedOver(HandedOver { lock, token, valid_for, .. }) => {
                let held = self.held.iter_mut().filter(|held| held.lock == *lock);
                held.for_each(|held| held.token = Some(*token));
                self.set(*lock, *valid_for, event.at, view);
            }
            What::Adopts { token } => self.held.retain(|held| held.token != Some(*token)),
            What::Extended { lock, valid_for } => self.set(*lock, *valid_for, event.at, view),
            What::Works { lock, valid_for, .. } if !valid_for.is_zero() => {
                self.set(*lock, *valid_for, event.at, view);
            }
            What::Says { lock, is_valid: true, valid_for } => {
                self.says_valid(*lock, *valid_for, event.at, view);
            }
            What::Works { lock, .. } | What::Lost { lock } | What::GivenUp { lock } => {
                self.held.retain(|held| held.lock != *lock);
            }
            What::Returned(returned) if &*returned.name == BYSTANDER => return bystander(view),
            What::MustBeClean { .. } => return bystander(view),
            What::Returned(returned) => return self.check(&returned.name, event.at, view),
            What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::Says { is_valid: false, .. }
            | What::Kept { .. }
            | What::NotAdopted { .. }
            | What::HandsBack { .. }
            | What::HandedBack { .. }
            | What::Recovered { .. }
            | What::Released { .. }
            | What::StillBusy { .. }
            | What::Undisturbed { .. } => {}
        }
        Ok(())
    }
}

impl NobodyElsesLock {
    fn set(&mut self, lock: u32, valid_for: Duration, now: Moment, view: &View<'_>) {
        for held in self.held.iter_mut().filter(|held| held.lock == lock) {
            held.until = now.plus(valid_for);
            held.stood = view.standing_for(&held.name, &held.value, valid_for);
            held.since = now;
        }
    }

    /// It may have been extended in the background.
    fn says_valid(&mut self, lock: u32, valid_for: Duration, now: Moment, view: &View<'_>) {
        let until = now.plus(valid_for);
        if self.held.iter().any(|held| held.lock == lock && held.until < until) {
            self.set(lock, valid_for, now, view);
        }
    }

    /// Looks at the locks of this name whenever somebody has done something about it.
    fn check(&self, name: &str, now: Moment, view: &View<'_>) -> Result<(), String> {
        self.held
            .iter()
            .filter(|held| held.until > now && &*held.name == name)
            .try_for_each(|held| self.check_one(held, now, view))
    }

    fn check_one(&self, held: &Held, now: Moment, view: &View<'_>) -> Result<(), String> {
        let standing = view.standing(&held.name, &held.value);
        let (lock, valid_for) = (held.lock, held.until.since(now));
        let gone = held.stood.without(standing).without(self.losses.since(held.since));
        // Our own clean-up of an earlier call may remove a fixed value from a node that does not count.
        if !held.is_fixed && !gone.is_empty() {
            return Err(format!(
                "lock {lock} is valid for another {valid_for:?} and gone from servers {gone:?}"
            ));
        }
        let lost = self.losses.since(asked_at(held.until, view.longest_ttl));
        if standing.union(lost).len() < view.quorum {
            return Err(format!(
                "lock {lock} is valid for another {valid_for:?} and stands at servers {standing:?} only; \
                 {lost:?} have lost their data since"
            ));
        }
        Ok(())
    }
}

fn bystander(view: &View<'_>) -> Result<(), String> {
    let has_lost_it =
        |server: &&Server| !server.is_down() && server.node().get(BYSTANDER).as_deref() != Some(THEIRS);
    match view.servers.iter().filter(|_| view.has_bystander).find(has_lost_it) {
        Some(server) => Err(format!("a bystander's lock is gone from {}", server.node().label())),
        None => Ok(()),
    }
}
