//! [`Client`]: a process that takes a lock and gives it back, as the façade does it with the real machines.

mod calls;
mod choice;
mod results;

pub(crate) use choice::{Choice, Fenced, Input};

use std::sync::atomic::Ordering;

use redsync_core::{
    Moment, Released,
    machine::{Event, NodeSet},
};

use crate::{
    held::Ending,
    holding::Holding,
    message::{Reply, Request},
    process::{Board, Numbers, Process, Running},
    search::{KeysEnd, NODES, Role, Search},
};

/// Where a client is in its life. A number is the place of the machine that it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Free,
    Locking(usize),
    Holding,
    Extending(usize),
    Releasing(usize),
    HandingBack(usize),
    HandingOver(usize),
    /// What it had is whose the token is, until then.
    HandedOver(Moment),
    /// A release has failed, or the lock could not be handed back, and the guard was returned, which is to be dropped.
    Returned,
}

/// A change of what is to become of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is not to be good any more.
    Released,
    /// The same, after it was tried to hand the lock back: somebody else may have adopted it since.
    ReleasedLate,
    /// It is good again.
    HandedBack,
    /// Who used it has stopped for good.
    Crashed,
}

/// What came of an input.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) sent: Vec<Request>,
    /// The machines that are idle: nobody listens to replies to them.
    pub(crate) ended: Vec<u8>,
    pub(crate) released: Option<Released>,
    pub(crate) not_locked: bool,
    /// The fencing number of a lock that was granted.
    pub(crate) fence: Option<u8>,
    pub(crate) turn: Option<Turn>,
    pub(crate) breach: Option<&'static str>,
}

/// A client with its machines.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) role: usize,
    pub(crate) stage: Stage,
    pub(crate) calls: u8,
    pub(crate) extends: u8,
    pub(crate) cancels: u8,
    pub(crate) hand_backs: u8,
    pub(crate) hand_overs: u8,
    pub(crate) crashes: u8,
    pub(crate) rounds: u8,
    /// The validity of what was taken in this round or an earlier one is over.
    pub(crate) over: u8,
    pub(crate) holding: Option<Holding>,
    pub(crate) processes: Vec<Option<Process>>,
    /// The client's own time where there are no ticks for all.
    pub(crate) now: Moment,
}

/// What is the same for all clients of a search.
pub(crate) struct Setting<'a> {
    pub(crate) search: &'a Search,
    pub(crate) doubts: Board,
}

impl Client {
    pub(crate) fn new(role: usize, of: &Role) -> Self {
        Self {
            role,
            stage: Stage::Free,
            calls: of.calls,
            extends: of.extends,
            cancels: of.cancels,
            hand_backs: of.hand_backs,
            hand_overs: of.hand_overs,
            crashes: of.crashes,
            rounds: 0,
            over: 0,
            holding: None,
            processes: Vec::new(),
            now: Moment::from_origin(std::time::Duration::from_secs(1)),
        }
    }

    /// Lets it happen.
    pub(crate) fn take(&mut self, input: Input, now: Option<Moment>, setting: &Setting<'_>) -> Effects {
        if let Some(now) = now {
            self.now = now;
        }
        self.show_doubts(setting);
        let mut effects = Effects::default();
        match input {
            Input::Lock => self.lock(setting, &mut effects),
            Input::Extend => self.extend(setting, &mut effects),
            Input::Adopt => self.adopt(setting, &mut effects),
            Input::HandOver => self.hand_over(setting, &mut effects),
            Input::HandBack => self.hand_back(setting, &mut effects),
            Input::Crash => self.crash(&mut effects),
            Input::KeyEnds(round) => self.see_key_end(round, setting.search.keys_end),
            Input::Release => self.release(setting, &mut effects),
            Input::Drop => {
                if self.stage == Stage::Holding {
                    self.cancels -= 1;
                }
                self.drop_guard(setting, &mut effects);
            }
            Input::Cancel => {
                self.cancels -= 1;
                self.cancel(setting, &mut effects);
            }
            Input::Tick(slot) => self.tick(usize::from(slot), now.is_none(), setting, &mut effects),
            Input::Reply { request, reply, cancelled } => {
                self.reply(request, reply, cancelled, setting, &mut effects);
            }
        }
        if setting.search.keys_end != KeysEnd::Never && self.is_done_for(self.role(setting)) {
            self.fall_silent(&mut effects);
        }
        while matches!(self.processes.last(), Some(None)) {
            self.processes.pop();
        }
        effects
    }

    fn show_doubts(&self, setting: &Setting<'_>) {
        let doubts = self.processes.iter().flatten().map(Process::in_doubt);
        let doubts = doubts.fold(NodeSet::EMPTY, NodeSet::union);
        let bits = (0..NODES).filter(|node| doubts.contains(*node)).fold(0, |bits, node| bits | (1 << node));
        setting.doubts.store(bits, Ordering::Relaxed);
    }

    fn role<'a>(&self, setting: &Setting<'a>) -> &'a Role {
        #[expect(clippy::indexing_slicing, reason = "clients are made from the roles")]
        &setting.search.roles[self.role]
    }

    fn numbers(&self, setting: &Setting<'_>) -> Numbers {
        Numbers { last: self.rounds, doubts: setting.doubts.clone() }
    }

    /// Tells who keeps in step with the lock how it has ended, as the façade does before their next event.
    fn tell_followers(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        let ending = self.holding.as_ref().and_then(|holding| holding.held.state().ending());
        for slot in 0..self.processes.len() {
            let process = self.processes.get_mut(slot).and_then(Option::as_mut);
            if let Some(process) = process.filter(|process| process.follows.is_some())
                && std::mem::replace(&mut process.told, ending) != ending
                && let Some(event) = ending.and_then(Ending::event)
            {
                process.handle(event, self.now);
                self.drain(slot, setting, effects);
            }
        }
    }

    /// The future of the call is dropped; what is left goes on in the background.
    fn cancel(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        let (slot, stage) = match self.stage {
            Stage::Locking(slot) => (slot, Stage::Free),
            Stage::Extending(slot) => (slot, Stage::Holding),
            Stage::Releasing(slot) => (slot, Stage::Free),
            Stage::HandingBack(slot) | Stage::HandingOver(slot) => (slot, Stage::Returned),
            Stage::Free | Stage::Holding | Stage::Returned | Stage::HandedOver(_) => return,
        };
        self.stage = stage;
        if stage == Stage::Free {
            self.holding = None;
        }
        self.tell(slot, Event::Cancel, setting, effects);
        if stage == Stage::Returned {
            // The guard is dropped with the call that has it.
            self.drop_guard(setting, effects);
        }
    }

    fn drop_guard(&mut self, setting: &Setting<'_>, effects: &mut Effects) {
        self.release(setting, effects);
        self.cancel(setting, effects);
        // Nobody sees what a dropped guard's release returns.
        effects.released = None;
    }

    fn tick(&mut self, slot: usize, jumps: bool, setting: &Setting<'_>, effects: &mut Effects) {
        let wait = self.processes.get(slot).and_then(Option::as_ref).and_then(|process| process.wait);
        if let Some((at, _)) = wait.filter(|_| jumps) {
            self.now = self.now.max(at);
        }
        self.tell(slot, Event::Tick, setting, effects);
    }

    fn reply(
        &mut self,
        request: Request,
        reply: Reply,
        cancelled: bool,
        setting: &Setting<'_>,
        effects: &mut Effects,
    ) {
        let slot = usize::from(request.process);
        let Some(Some(process)) = self.processes.get_mut(slot) else { return };
        let Some(id) = process.answer(request) else { return };
        let event = Event::Reply { id, outcome: reply.outcome() };
        if cancelled {
            self.cancels -= 1;
            process.handle(event, self.now);
            self.tell_of_deletes(slot, setting, effects);
            return self.cancel(setting, effects);
        }
        self.tell(slot, event, setting, effects);
    }

    /// Where a machine has ended at the same go its place stays free, as its requests are known by it.
    fn start(&mut self, running: Running, effects: &Effects) -> usize {
        let has_ended = |slot: usize| effects.ended.iter().any(|ended| usize::from(*ended) == slot);
        let mut places = self.processes.iter().enumerate();
        let free = places.position(|(slot, place)| place.is_none() && !has_ended(slot));
        let past_the_end = (self.processes.len()..).find(|slot| !has_ended(*slot));
        let slot = free.or(past_the_end).unwrap_or_default();
        self.processes.resize(self.processes.len().max(slot + 1), None);
        if let Some(place) = self.processes.get_mut(slot) {
            *place = Some(Process::new(running));
        }
        slot
    }

    fn tell(&mut self, slot: usize, event: Event, setting: &Setting<'_>, effects: &mut Effects) {
        let Some(Some(process)) = self.processes.get_mut(slot) else { return };
        process.handle(event, self.now);
        self.note(slot);
        self.tell_of_deletes(slot, setting, effects);
        self.drain(slot, setting, effects);
    }

    /// Tells who keeps in step with the lock what has become of its release, if this is one.
    fn tell_of_deletes(&mut self, slot: usize, setting: &Setting<'_>, effects: &mut Effects) {
        let process = self.processes.get(slot).and_then(Option::as_ref);
        let Some((round, deletes)) = process.and_then(Process::deletes) else { return };
        for slot in 0..self.processes.len() {
            let process = self.processes.get_mut(slot).and_then(Option::as_mut);
            if process.is_some_and(|process| process.hear(round, deletes, self.now)) {
                self.drain(slot, setting, effects);
            }
        }
    }
}
