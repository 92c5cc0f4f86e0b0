//! What comes of a client's machines.

use redsync_core::{
    Moment,
    machine::{Deletes, ExtendCause, Lease},
};

use super::{Client, Effects, Setting, Stage, Turn};
use crate::{
    held::Held,
    holding::Holding,
    process::{Deeds, Finished, Follows, Running},
};

impl Client {
    /// Takes in what a machine has found out that keeps in step with the lock, as the façade's `Following` does.
    pub(super) fn note(&self, slot: usize) {
        let process = self.processes.get(slot).and_then(Option::as_ref);
        let (Some(process), Some(number), Some(holding)) = (process, self.number(slot), &self.holding) else {
            return;
        };
        match &process.running {
            Running::Acquire(machine) => holding.note(machine, number),
            Running::Extend(machine) => holding.note(machine, number),
            Running::Release(machine) => holding.note(machine, number),
            Running::Adopt(machine) | Running::HandBack(machine) => holding.note(machine, number),
        }
    }

    pub(super) fn drain(&mut self, slot: usize, setting: &Setting<'_>, effects: &mut Effects) {
        let Some(Some(process)) = self.processes.get_mut(slot) else { return };
        let place = u8::try_from(slot).unwrap_or(u8::MAX);
        let Deeds { sent, finished, is_idle, is_endless } =
            process.drain(place, &mut self.rounds, setting.search);
        effects.sent.extend(sent);
        if is_endless {
            effects.breach = Some("a machine goes on without an event");
        }
        if finished.len() > 1 {
            effects.breach = Some("a call that ends twice");
        }
        for result in finished {
            self.finish(slot, result, setting, effects);
        }
        if is_idle && let Some(place) = self.processes.get_mut(slot) {
            *place = None;
            effects.ended.push(u8::try_from(slot).unwrap_or(u8::MAX));
        }
    }

    /// Takes the result of a call, unless nobody waits for it any more.
    fn finish(&mut self, slot: usize, result: Finished, setting: &Setting<'_>, effects: &mut Effects) {
        let is_awaited = self.awaited() == Some(slot);
        if !is_awaited {
            return;
        }
        self.stage = match result {
            Finished::Locked(lease) => self.locked(slot, lease, setting, effects),
            Finished::NotLocked => {
                effects.not_locked = true;
                Stage::Free
            }
            Finished::Extended(until) if matches!(self.stage, Stage::HandingOver(_)) => {
                let is_held = self.holding.as_ref().is_some_and(|holding| holding.held.hand_over());
                if is_held { Stage::HandedOver(until) } else { Stage::Holding }
            }
            Finished::Extended(until) => {
                let number = self.number(slot).unwrap_or_default();
                self.with_held(|held, now| {
                    held.prolong(u64::from(number), until, now);
                })
            }
            Finished::NotExtended(ExtendCause::Lost) => self.with_held(|held, _| held.lose()),
            Finished::NotExtended(ExtendCause::Expired | ExtendCause::GaveUp(_)) => Stage::Holding,
            Finished::Released(released) => {
                effects.released = Some(released);
                self.holding = None;
                Stage::Free
            }
            Finished::NotReleased(not_deleted) => {
                self.with_held(|held, _| held.keep_only(not_deleted));
                Stage::Returned
            }
            Finished::HandedBack => {
                effects.turn = Some(Turn::HandedBack);
                self.holding = None;
                Stage::Free
            }
            Finished::NotHandedBack(not_rotated) => {
                self.with_held(|held, _| held.keep_only(not_rotated));
                Stage::Returned
            }
        };
    }

    fn locked(&mut self, slot: usize, lease: Lease, setting: &Setting<'_>, effects: &mut Effects) -> Stage {
        if lease.valid_until <= self.now {
            effects.breach = Some("a lock is granted after its validity");
        }
        effects.fence = lease.fence.map(|fence| u8::try_from(fence).unwrap_or(u8::MAX));
        let adopts = self.role(setting).adopts;
        self.holding = Some(if adopts { Holding::adopted } else { Holding::new }(lease, self.rounds));
        self.follow(slot);
        Stage::Holding
    }

    /// The machine keeps in step with the lock from now on.
    pub(super) fn follow(&mut self, slot: usize) {
        let process = self.processes.get_mut(slot).and_then(Option::as_mut);
        let (Some(process), Some(holding)) = (process, &mut self.holding) else { return };
        holding.followers += 1;
        let (round, number, deletes) = (holding.round, holding.followers, Deletes::default());
        process.follows = Some(Follows { round, number, deletes });
    }

    fn number(&self, slot: usize) -> Option<u8> {
        Some(self.processes.get(slot)?.as_ref()?.follows?.number)
    }

    fn with_held(&self, change: impl Fn(&Held, Moment)) -> Stage {
        if let Some(holding) = &self.holding {
            change(&holding.held, self.now);
        }
        Stage::Holding
    }
}
