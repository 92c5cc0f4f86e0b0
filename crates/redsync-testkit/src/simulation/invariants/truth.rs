//! Outcomes are true (P8): what is granted is valid and fresh, and what is called lost or gone is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use redsync_core::{Moment, Released};

use super::{Invariant, View};
use crate::simulation::{
    event::{Event, Fault, Granted, Place, What},
    plan::asked_before,
};

#[derive(Default)]
pub(super) struct Truth {
    values: BTreeSet<Arc<str>>,
    locks: BTreeMap<u32, Known>,
    /// When any server has lost its data last, so that even a valid lock may be gone.
    data_lost: Moment,
}

/// What is known of a lock that was granted.
struct Known {
    name: Arc<str>,
    value: Arc<str>,
    is_fixed: bool,
    revives: bool,
    until: Moment,
}

impl Invariant for Truth {
    fn name(&self) -> &'static str {
        "truth"
    }

    fn observe(&mut self, event: &Event, view: &View<'_>) -> Result<(), String> {
        match &event.what {
            What::Granted(granted) => self.granted(granted, event.at),
            What::Extended { lock, valid_for } => self.extended(*lock, event.at.plus(*valid_for)),
            What::Lost { lock } => self.lost(*lock, event.at),
            What::HandedBack { lock, valid_for } if *valid_for > Duration::ZERO => {
                Err(format!("lock {lock} is called valid for {valid_for:?}, and was being released"))
            }
            What::Released { lock, released } => self.released(*lock, *released, event.at, view),
            What::Fault(Fault::LoseData | Fault::OldData, Place::Server(_)) => {
                self.data_lost = event.at;
                Ok(())
            }
            What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::Returned(_)
            | What::GivenUp { .. }
            | What::HandedBack { .. }
            | What::MustBeClean { .. }
            | What::StillBusy { .. }
            | What::Undisturbed { .. } => Ok(()),
        }
    }
}

impl Truth {
    fn granted(&mut self, granted: &Granted, now: Moment) -> Result<(), String> {
        let Granted { lock, name, value, fixed, revives, valid_for } = granted.clone();
        if valid_for == Duration::ZERO {
            return Err(format!("lock {lock} was granted and is not valid"));
        }
        if fixed.as_ref().is_some_and(|fixed| *fixed != value) {
            return Err(format!(
                "lock {lock} was granted under another value than the one that was asked for"
            ));
        }
        let is_fixed = fixed.is_some();
        if !self.values.insert(Arc::clone(&value)) && !is_fixed {
            return Err(format!("the generated value of lock {lock} was used before"));
        }
        let until = now.plus(valid_for);
        let known = Known { name, value, is_fixed, revives, until };
        self.locks.insert(lock, known);
        Ok(())
    }

    fn extended(&mut self, lock: u32, until: Moment) -> Result<(), String> {
        let Some(known) = self.locks.get_mut(&lock) else { return Ok(()) };
        if until < known.until {
            return Err(format!("an extension has shortened lock {lock}"));
        }
        known.until = until;
        Ok(())
    }

    fn lost(&self, lock: u32, now: Moment) -> Result<(), String> {
        match self.locks.get(&lock) {
            Some(known) if known.until > now && !asked_before(known.until, self.data_lost) => {
                Err(format!("lock {lock} is called lost, and is valid for {:?}", known.until.since(now)))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn released(&self, lock: u32, released: Released, now: Moment, view: &View<'_>) -> Result<(), String> {
        let Some(known) = self.locks.get(&lock) else { return Ok(()) };
        let may_be_gone = known.until <= now || asked_before(known.until, self.data_lost);
        if released == Released::AlreadyGone && !may_be_gone {
            let left = known.until.since(now);
            return Err(format!("lock {lock} is called gone, and would still be valid for {left:?}"));
        }
        let standing = view.standing(&known.name, &known.value);
        let is_free = released == Released::Held || released == Released::AlreadyGone;
        // A rival's key may look the same where the value is fixed, and a late extension may have set one anew, which
        // is about to be removed.
        if is_free && !known.is_fixed && !known.revives && standing >= view.quorum {
            return Err(format!("lock {lock} is called free, and stands at {standing} servers"));
        }
        Ok(())
    }
}
