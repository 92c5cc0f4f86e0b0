//! Outcomes are true (P8): what is granted is valid and fresh, and what is called lost or gone is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use redsync_core::{Loss, Moment, Released, machine::NodeSet};

use super::{Invariant, View, losses::Losses};
use crate::simulation::event::{Event, Granted, Op, What};

/// What comes of rounding between clocks.
const ROUNDING: Duration = Duration::from_micros(1);

#[derive(Default)]
pub(super) struct Truth {
    values: BTreeSet<Arc<str>>,
    locks: BTreeMap<u32, Known>,
    losses: Losses,
}

/// What is known of a lock that was granted.
struct Known {
    name: Arc<str>,
    value: Arc<str>,
    is_fixed: bool,
    revives: bool,
    until: Moment,
    /// Where it stood, and will until its validity ends, when that was last granted.
    stood: NodeSet,
    since: Moment,
    given_up: Moment,
    is_given_up: bool,
    /// Whether its guard has said that it is lost.
    is_lost: bool,
    /// Whether it may be extended in the background, or still may be by what was on its way when work ended.
    is_renewed: bool,
    /// Whether a release has told that it held the lock until then.
    is_free: bool,
}

impl Invariant for Truth {
    fn name(&self) -> &'static str {
        "truth"
    }

    fn observe(&mut self, event: &Event, view: &View<'_>) -> Result<(), String> {
        self.losses.observe(event);
        match &event.what {
            What::Granted(granted) => self.granted(granted, event.at, view),
            What::Extended { lock, valid_for } => self.extended(*lock, *valid_for, event.at, view),
            What::Says { lock, is_valid, valid_for } => {
                self.says(*lock, *is_valid, event.at.plus(*valid_for), event.at, view)
            }
            What::Works { lock, stopped: Some(Loss::Gone), .. } => self.lost(*lock, event.at, view),
            What::Works { lock, valid_for, .. } => self.worked(*lock, *valid_for, event.at, view),
            What::Lost { lock } => self.lost(*lock, event.at, view),
            What::GivenUp { lock } => {
                if let Some(known) = self.locks.get_mut(lock) {
                    (known.given_up, known.is_given_up) = (event.at, true);
                }
                Ok(())
            }
            What::Kept { lock, op, valid_for } => {
                self.kept(*lock, *op, event.at.plus(*valid_for), event.at, view)
            }
            What::HandedOver(handed_over) => {
                self.locks.remove(&handed_over.lock);
                Ok(())
            }
            What::Released { lock, released } => self.released(*lock, *released, event.at, view),
            What::Fault(..)
            | What::Over(..)
            | What::Called(..)
            | What::Returned(_)
            | What::Adopts { .. }
            | What::NotAdopted { .. }
            | What::HandsBack { .. }
            | What::HandedBack { .. }
            | What::Recovered { .. }
            | What::MustBeClean { .. }
            | What::StillBusy { .. }
            | What::Undisturbed { .. } => Ok(()),
        }
    }
}

impl Known {
    /// Whether its validity has ended, or its guard has said so.
    fn is_over(&self, now: Moment) -> bool {
        self.is_lost || self.until.plus(ROUNDING) < now
    }

    /// Whether what goes on in the background has found the lock gone, when its guard says that it is not valid.
    fn is_found_lost(&self, is_valid: bool, now: Moment) -> bool {
        self.is_renewed && !is_valid && now.plus(ROUNDING) < self.until
    }
}

impl Truth {
    fn granted(&mut self, granted: &Granted, now: Moment, view: &View<'_>) -> Result<(), String> {
        let Granted { lock, name, value, fixed, revives, is_renewed, valid_for, .. } = granted.clone();
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
        let (until, stood) = (now.plus(valid_for), view.standing_for(&name, &value, valid_for));
        let known = Known {
            name,
            value,
            is_fixed,
            revives,
            until,
            stood,
            since: now,
            given_up: now,
            is_given_up: false,
            is_lost: false,
            is_renewed,
            is_free: false,
        };
        self.locks.insert(lock, known);
        Ok(())
    }

    fn extended(
        &mut self,
        lock: u32,
        valid_for: Duration,
        now: Moment,
        view: &View<'_>,
    ) -> Result<(), String> {
        let Some(known) = self.locks.get_mut(&lock) else { return Ok(()) };
        let until = now.plus(valid_for);
        // Of two extensions at once one may have found that the lock is lost.
        if known.is_lost && valid_for.is_zero() {
            return Ok(());
        }
        if known.is_found_lost(!valid_for.is_zero(), now) {
            return self.lost(lock, now, view);
        }
        if known.is_free && !known.revives {
            return Err(format!("lock {lock} was extended after it was released"));
        }
        if known.is_over(now) && (known.is_lost || !known.is_renewed) {
            return Err(format!("lock {lock} was extended after its validity"));
        }
        if until.plus(ROUNDING) < known.until {
            return Err(format!("an extension has shortened lock {lock}"));
        }
        known.until = until;
        (known.stood, known.since) = (view.standing_for(&known.name, &known.value, valid_for), now);
        Ok(())
    }

    /// Between two looks the lock may have been extended in the background, or have come to its end.
    fn worked(&mut self, lock: u32, valid_for: Duration, now: Moment, view: &View<'_>) -> Result<(), String> {
        let Some(known) = self.locks.get_mut(&lock) else { return Ok(()) };
        known.is_renewed = true;
        if valid_for.is_zero() {
            return Ok(());
        }
        let until = now.plus(valid_for);
        if known.is_lost || until.plus(ROUNDING) < known.until {
            return Err(format!(
                "lock {lock} is valid for {valid_for:?} under its work, and was for less or more"
            ));
        }
        known.until = until;
        (known.stood, known.since) = (view.standing_for(&known.name, &known.value, valid_for), now);
        Ok(())
    }

    /// What a guard says at any time follows from what it was granted and extended to.
    fn says(
        &mut self,
        lock: u32,
        is_valid: bool,
        until: Moment,
        now: Moment,
        view: &View<'_>,
    ) -> Result<(), String> {
        if let Some(known) = self.locks.get(&lock).filter(|known| known.is_renewed) {
            if is_valid && known.until < until {
                return self.worked(lock, until.since(now), now, view);
            }
            if known.is_found_lost(is_valid, now) {
                return self.lost(lock, now, view);
            }
        }
        let Some(known) = self.locks.get(&lock).filter(|known| !known.is_given_up) else { return Ok(()) };
        let known_until = if known.is_lost { now } else { known.until.max(now) };
        let is_true = if is_valid { !known.is_over(now) } else { known_until <= now.plus(ROUNDING) };
        let is_as_long = until <= known_until.plus(ROUNDING) && known_until <= until.plus(ROUNDING);
        if is_true && is_as_long {
            return Ok(());
        }
        let (said, left) = (until.since(now), known_until.since(now));
        Err(format!("lock {lock} is called valid ({is_valid}) for {said:?}, and is so for {left:?}"))
    }

    /// A failed hand-over leaves the validity what it was; who may have given the lock away has none.
    fn kept(&mut self, lock: u32, op: Op, until: Moment, now: Moment, view: &View<'_>) -> Result<(), String> {
        let Some(known) = self.locks.get(&lock) else { return Ok(()) };
        if op == Op::HandOver && known.is_found_lost(until > now, now) {
            return self.lost(lock, now, view);
        }
        let is_shorter = !known.is_lost && until.plus(ROUNDING) < known.until.max(now);
        let is_longer = until > known.until.max(now).plus(ROUNDING) && !known.is_renewed;
        if op != Op::HandOver && until > now {
            Err(format!("lock {lock} is called valid for {:?}, and was being given back", until.since(now)))
        } else if op == Op::HandOver && (is_shorter || is_longer) {
            Err(format!("lock {lock} is valid for {:?} after a hand-over that failed", until.since(now)))
        } else {
            Ok(())
        }
    }

    fn lost(&mut self, lock: u32, now: Moment, view: &View<'_>) -> Result<(), String> {
        if let Some(known) = self.locks.get_mut(&lock) {
            known.is_lost = true;
        }
        match self.locks.get(&lock) {
            Some(known) if !known.is_given_up && !self.may_be_gone(known, now, view) => {
                Err(format!("lock {lock} is called lost, and is valid for {:?}", known.until.since(now)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether its validity is over, or so many servers have lost their data that it is no more.
    fn may_be_gone(&self, known: &Known, now: Moment, view: &View<'_>) -> bool {
        known.until <= now || known.stood.without(self.losses.since(known.since)).len() < view.quorum
    }

    fn released(
        &mut self,
        lock: u32,
        released: Released,
        now: Moment,
        view: &View<'_>,
    ) -> Result<(), String> {
        if let Some(known) = self.locks.get_mut(&lock) {
            known.is_free |= released == Released::Held;
        }
        let Some(known) = self.locks.get(&lock) else { return Ok(()) };
        if released == Released::AlreadyGone && !self.may_be_gone(known, now, view) {
            let left = known.until.since(now);
            return Err(format!("lock {lock} is called gone, and would still be valid for {left:?}"));
        }
        // A server that went back to older data may have it again.
        let standing = view.standing(&known.name, &known.value).without(self.losses.since(known.given_up));
        let is_free = released == Released::Held || released == Released::AlreadyGone;
        // A rival's key may look the same where the value is fixed; and a late extension, or the late copy of a request,
        // may have set one anew, which is about to be removed.
        let may_stand = known.is_fixed || known.revives || view.repeats;
        if is_free && !may_stand && standing.len() >= view.quorum {
            return Err(format!("lock {lock} is called free, and stands at servers {standing:?}"));
        }
        Ok(())
    }
}
