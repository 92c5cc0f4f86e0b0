//! The calls that a client makes, each as the façade makes it, and how it ends.

use redsync_core::machine::{Acquire, Extend, ExtendPlan, Release, Transfer};

use super::{Client, Effects, Setting, Stage, Turn};
use crate::{
    held::Ending,
    plans,
    process::{GivesBack, Nonces, Running},
    search::{KeysEnd, Role, Search},
};

impl Client {
    pub(super) fn lock(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        self.calls -= 1;
        let plan = plans::acquire(setting.search, self.role(setting));
        let machine = Acquire::new(plan, self.numbers(setting), self.now);
        let slot = self.start(Running::Acquire(machine), effects);
        self.stage = Stage::Locking(slot);
        self.drain(slot, setting, effects);
    }

    pub(super) fn adopt(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        self.calls -= 1;
        let plan = plans::adopt(setting.search, self.role(setting));
        let machine = Transfer::new(plan, Nonces(self.rounds), self.now);
        let slot = self.start(Running::Adopt(machine), effects);
        self.stage = Stage::Locking(slot);
        self.drain(slot, setting, effects);
    }

    pub(super) fn extend(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        let role = self.role(setting);
        let Some(holding) = &self.holding else { return };
        self.extends -= 1;
        let target = holding.held.to_extend(plans::all_nodes(), role.revive);
        let plan = plans::extend(setting.search, role, target);
        self.stage = Stage::Extending(self.start_extension(plan, setting, effects));
        self.drain_awaited(setting, effects);
    }

    pub(super) fn hand_over(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        let Some(holding) = &self.holding else { return };
        self.hand_overs -= 1;
        let target = holding.held.to_extend(plans::all_nodes(), true);
        let plan = plans::hand_over(setting.search, self.role(setting), target);
        self.stage = Stage::HandingOver(self.start_extension(plan, setting, effects));
        self.drain_awaited(setting, effects);
    }

    fn start_extension(&mut self, plan: ExtendPlan, setting: &Setting<'_>, effects: &Effects) -> usize {
        let machine = Extend::new(plan, self.numbers(setting), self.now);
        let slot = self.start(Running::Extend(machine), effects);
        self.follow(slot);
        self.note(slot);
        slot
    }

    fn drain_awaited(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        self.awaited().into_iter().for_each(|slot| self.drain(slot, setting, effects));
    }

    pub(super) fn release(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        let Some(holding) = &self.holding else { return };
        let was_handed_back = holding.held.state().ending() == Some(Ending::HandedBack);
        if holding.held.adopted_from.is_some() {
            effects.turn = Some(if was_handed_back { Turn::ReleasedLate } else { Turn::Released });
        }
        let target = holding.held.give_back(plans::all_nodes()).at(self.now);
        let gives_back = GivesBack { round: holding.round, revivable: target.revivable };
        self.tell_followers(setting, effects);
        let plan = plans::release(setting.search, self.role(setting), target);
        let machine = Release::new(plan, self.numbers(setting), self.now);
        let slot = self.start(Running::Release(machine), effects);
        if let Some(Some(process)) = self.processes.get_mut(slot) {
            process.gives_back = Some(gives_back);
        }
        self.stage = Stage::Releasing(slot);
        self.tell_of_deletes(slot, setting, effects);
        self.drain(slot, setting, effects);
    }

    pub(super) fn hand_back(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        let Some(holding) = &self.holding else { return };
        self.hand_backs -= 1;
        let target = holding.held.hand_back(plans::all_nodes(), plans::token(), false);
        self.tell_followers(setting, effects);
        let plan = plans::hand_back(setting.search, self.role(setting), target, self.now);
        let machine = Transfer::new(plan, Nonces(self.rounds), self.now);
        let slot = self.start(Running::HandBack(machine), effects);
        self.stage = Stage::HandingBack(slot);
        self.drain(slot, setting, effects);
    }

    /// The process stops for good. Nobody hears what comes of its requests.
    pub(super) fn crash(&mut self, effects: &mut Effects) {
        effects.turn = Some(Turn::Crashed);
        self.fall_silent(effects);
        (self.stage, self.holding) = (Stage::Free, None);
        (self.calls, self.extends, self.cancels, self.crashes) = (0, 0, 0, 0);
        (self.hand_backs, self.hand_overs) = (0, 0);
    }

    /// A key that was set in this round has ended, so that the time of the lock is over. Nothing tells the client.
    pub(super) fn see_key_end(&mut self, round: u8, end: KeysEnd) {
        if round > self.over && end == KeysEnd::PastValidity {
            self.over = self.rounds;
            self.now = self.now.plus(Search::ENDLESS);
        }
    }

    /// Whether all that it does from now on is to delete what it has set, which is nothing but the end of a key where
    /// keys end at any time.
    pub(super) fn is_done_for(&self, role: &Role) -> bool {
        let is_over = role.tries == 1 && self.rounds > 0 && self.rounds == self.over;
        !role.adopts && role.leaves && self.calls == 0 && (self.awaited().is_none() || is_over)
    }

    /// Nobody hears what comes of its requests, and none is sent any more.
    pub(super) fn fall_silent(&mut self, effects: &mut Effects) {
        effects.ended.extend((0..).zip(&self.processes).map(|(slot, _)| slot));
        effects.sent.retain(|request| !request.what.removes());
        self.processes.clear();
        if self.stage != Stage::Holding {
            self.stage = Stage::Free;
        }
    }
}
