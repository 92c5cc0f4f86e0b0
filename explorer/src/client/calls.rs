//! The calls that a client makes, each as the façade makes it, and how it ends.

use redsync_core::machine::{Acquire, Extend, Release, Transfer};

use super::{Client, Effects, Setting, Stage, Turn};
use crate::{
    plans,
    process::{Nonces, Running},
    search::Search,
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
        let plan =
            plans::extend(setting.search, role, holding.held.to_extend(plans::all_nodes(), role.revive));
        let machine = Extend::new(plan, self.numbers(setting), self.now);
        let slot = self.start(Running::Extend(machine), effects);
        if let Some(Some(process)) = self.processes.get_mut(slot) {
            process.follows = true;
        }
        self.note(slot);
        self.stage = Stage::Extending(slot);
        self.drain(slot, setting, effects);
    }

    pub(super) fn release(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        let Some(holding) = &self.holding else { return };
        if holding.held.adopted_from.is_some() {
            effects.turn = Some(Turn::Released);
        }
        let target = holding.held.give_back(plans::all_nodes());
        self.tell_followers(setting, effects);
        let plan = plans::release(setting.search, self.role(setting), target);
        let machine = Release::new(plan, self.numbers(setting), self.now);
        let slot = self.start(Running::Release(machine), effects);
        self.stage = Stage::Releasing(slot);
        self.drain(slot, setting, effects);
    }

    pub(super) fn hand_back(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        let Some(holding) = &self.holding else { return };
        self.hand_backs -= 1;
        let target = holding.held.hand_back(plans::all_nodes(), plans::token(), false);
        self.tell_followers(setting, effects);
        let plan = plans::hand_back(setting.search, self.role(setting), target);
        let machine = Transfer::new(plan, Nonces(self.rounds), self.now);
        let slot = self.start(Running::HandBack(machine), effects);
        self.stage = Stage::HandingBack(slot);
        self.drain(slot, setting, effects);
    }

    /// The process stops for good. Nobody hears what comes of its requests.
    pub(super) fn crash(&mut self, effects: &mut Effects) {
        effects.turn = Some(Turn::Crashed);
        effects.ended = (0..).zip(&self.processes).map(|(slot, _)| slot).collect();
        self.processes.clear();
        (self.stage, self.holding) = (Stage::Free, None);
        (self.calls, self.extends, self.cancels, self.hand_backs, self.crashes) = (0, 0, 0, 0, 0);
    }

    /// A key that was set in this round has ended, so that the time of the lock is over. Nothing tells the client.
    pub(super) fn see_key_end(&mut self, round: u8) {
        if round > self.over {
            self.over = self.rounds;
            self.now = self.now.plus(Search::ENDLESS);
        }
    }
}
