//! How the world goes on.

use super::{Breach, Happening, Key, Prospect, Seat, World};
use crate::{
    arena::Arena,
    client::{Input, Turn},
    message::{Leg, Message, Reply, Request, TOKEN, What, is_of_lineage},
    search::{Search, Time},
};

impl World {
    /// Lets it happen, and tells what has gone wrong by that.
    pub(crate) fn happen(&mut self, happening: Happening, arena: &mut Arena<'_>) -> Option<Breach> {
        let time = arena.search().time;
        match happening {
            Happening::Input { client, input } => self.input(client, input, arena),
            Happening::Execute(index) => self.execute(index, arena),
            Happening::Deliver { message, cancelled } => self.deliver(message, cancelled, arena),
            Happening::GiveUp(index) => {
                let message = self.fault(index, Reply::Unknown);
                self.network.push(message?.unheard());
                None
            }
            Happening::Lose(index) => self.fault(index, Reply::Unknown).and(None),
            Happening::Fail(index) => self.fault(index, Reply::Failed).and(None),
            Happening::End(node) => self.end(node, arena),
            Happening::Pass => {
                self.pass(time);
                None
            }
        }
    }

    /// Answers a request that is not executed, or not yet.
    fn fault(&mut self, index: usize, reply: Reply) -> Option<Message> {
        let message = self.network.get_mut(index)?;
        let before = *message;
        *message = before.answered(reply);
        self.faults -= 1;
        if reply == Reply::Unknown && before.request.value == 0 {
            self.excuse(before.client, before.request.node);
        }
        let takes_token = before.request.what == What::GiveBack && before.request.other == TOKEN;
        if let Some(seat) = self.seat(before.client).filter(|_| takes_token && reply == Reply::Unknown) {
            seat.spared |= 1 << before.request.node;
        }
        let has_token = self.stood != 0;
        let cleaner = before.request.what.cleaner().filter(|_| has_token);
        if let (Some(cleaner), Some(seat)) = (cleaner, self.seat(before.client)) {
            seat.note_failed(cleaner, before.request.node, true);
        }
        Some(before)
    }

    fn excuse(&mut self, client: u8, node: u8) {
        if let Some(seat) = self.seat(client) {
            seat.excused |= 1 << node;
        }
    }

    fn seat(&mut self, client: u8) -> Option<&mut Seat> {
        self.seats.get_mut(usize::from(client))?.as_mut()
    }

    fn pass(&mut self, time: Time) {
        self.tick += 1;
        let tick = self.tick;
        for node in &mut self.nodes {
            *node = node.filter(|key| tick < key.ends);
        }
        for message in &mut self.network {
            if message.until < tick && message.leg == Leg::There {
                *message = message.answered(Reply::Unknown);
            }
        }
        let is_over = |message: &Message| message.until < tick && message.leg == Leg::ThereUnheard;
        self.network.retain(|message| !is_over(message));
        debug_assert!(time != Time::Endless, "no ticks without a clock");
    }

    /// A key ends, and with it the time of its lock.
    fn end(&mut self, node: usize, arena: &mut Arena<'_>) -> Option<Breach> {
        let key = self.nodes.get_mut(node)?.take()?;
        self.input(usize::from(key.client), Input::KeyEnds(key.round), arena)
    }

    fn deliver(&mut self, index: usize, cancelled: bool, arena: &mut Arena<'_>) -> Option<Breach> {
        let message = self.network.remove(index);
        let Leg::Back(reply) = message.leg else { return None };
        if let Some(seat) = self.seat(message.client).filter(|_| comes_too_early(message.request, reply)) {
            seat.early |= 1 << message.request.node;
        }
        let input = Input::Reply { request: message.request, reply, cancelled };
        self.input(usize::from(message.client), input, arena)
    }

    fn input(&mut self, client: usize, input: Input, arena: &mut Arena<'_>) -> Option<Breach> {
        let now = self.now(arena.search().time);
        let seat = self.seats.get_mut(client)?.as_mut()?;
        seat.goes_back |= input == Input::HandBack;
        let step = arena.step(seat.state, self.tick, input, now);
        seat.state = step.to;
        let deleted = seat.deleted;
        let number = u8::try_from(client).unwrap_or(u8::MAX);
        self.close(number, &step.ended);
        if matches!(input, Input::Tick(_)) {
            self.forget_early(number);
        }
        for request in &step.sent {
            if let (Some(cleaner), Some(seat)) = (request.what.cleaner(), self.seat(number)) {
                seat.early &= !(1 << request.node);
                seat.note_failed(cleaner, request.node, false);
            }
            let until = self.last_tick(*request, arena.search());
            self.network.push(Message { client: number, request: *request, leg: Leg::There, until });
        }
        // What was sent at the machine's end has nobody who would listen.
        self.close(number, &step.ended);
        step.turn.into_iter().for_each(|turn| self.turn(client, turn));
        let fence = step.fence.and_then(|fence| self.granted(client, fence, arena));
        let breach = step.breach.or(fence);
        breach.or_else(|| super::check::result(&step, deleted, arena.search()))
    }

    /// What came too early is sent again now, unless it is needed no more.
    fn forget_early(&mut self, client: u8) {
        let early = (0..).zip(&self.nodes).filter(|(_, key)| key.as_ref().is_some_and(is_rotated));
        let early = early.fold(0, |bits, (node, _)| bits | 1 << node);
        self.seat(client).into_iter().for_each(|seat| seat.early &= early);
    }

    /// What becomes of the token by what a client does.
    fn turn(&mut self, client: usize, turn: Turn) {
        let is_alone = self.seats.iter().flatten().count() == 1;
        self.prospect = match (turn, self.prospect) {
            (Turn::Released, Prospect::Stands | Prospect::Gone) => Prospect::Gone,
            (Turn::ReleasedLate, _) => {
                if is_alone {
                    Prospect::Gone
                } else {
                    Prospect::Open
                }
            }
            // Who hands back what another has released was given the lock in between.
            (Turn::HandedBack | Turn::Crashed, Prospect::Stands) => Prospect::Stands,
            (Turn::HandedBack | Turn::Crashed, Prospect::Gone) | (_, Prospect::Open) => Prospect::Open,
        };
        if turn == Turn::Crashed
            && let Some(seat) = self.seats.get_mut(client).and_then(Option::as_mut)
        {
            seat.excused = u8::MAX;
        }
    }

    /// Nobody listens to replies to these machines any more.
    fn close(&mut self, client: u8, ended: &[u8]) {
        if ended.is_empty() {
            return;
        }
        let is_theirs = |message: &Message| {
            message.client == client
                && message.leg != Leg::ThereUnheard
                && ended.contains(&message.request.process)
        };
        self.network.retain(|message| message.is_request() || !is_theirs(message));
        for message in self.network.iter_mut().filter(|message| is_theirs(message)) {
            *message = message.unheard();
        }
    }

    fn last_tick(&self, request: Request, search: &Search) -> u8 {
        let is_delete = matches!(request.what, What::Undo | What::GiveBack);
        match search.time {
            Time::Ticks { exact_deletes_arrive_within, .. } if is_delete && request.value == 0 => {
                self.tick.saturating_add(exact_deletes_arrive_within)
            }
            Time::Endless | Time::Ticks { .. } => u8::MAX,
        }
    }

    fn execute(&mut self, index: usize, arena: &Arena<'_>) -> Option<Breach> {
        let message = self.network.remove(index);
        let (reply, breach) = self.at_node(&message, arena);
        if message.leg == Leg::There {
            self.network.push(message.answered(reply));
        }
        breach
    }

    fn at_node(&mut self, message: &Message, arena: &Arena<'_>) -> (Reply, Option<Breach>) {
        let Request { node, value, what, ttl, .. } = message.request;
        let ends = match arena.search().time {
            Time::Endless => u8::MAX,
            Time::Ticks { .. } => self.tick.saturating_add(ttl),
        };
        let before = self.node(node);
        let mut after = before;
        let reply = after.carry_out(message, ends);
        self.set_node(node, after);
        if (reply == Reply::Revived && value == 0) || (what.removes() && self.comes_unheard(message)) {
            self.excuse(message.client, node);
        }
        if let Some(seat) = self.seat(message.client).filter(|seat| seat.goes_back && reply == Reply::Revived)
        {
            seat.spared |= 1 << node;
        }
        let is_still_there = |key: &Key| after.key.is_some_and(|now| now.holds(key.client, key.value));
        let removed = before.key.filter(|key| !is_still_there(key));
        let breach = removed.and_then(|key| self.removed(key, message, arena));
        (reply, breach.or_else(|| super::check::ends(before.key, after.key)))
    }

    /// Whether what this delete is to remove may still be set by a request that its client has given up.
    fn comes_unheard(&self, delete: &Message) -> bool {
        let Request { node, value, .. } = delete.request;
        self.network.iter().any(|at| {
            (at.leg, at.client) == (Leg::ThereUnheard, delete.client)
                && (at.request.node, at.request.value) == (node, value)
                && at.request.what.sets()
        })
    }

    fn removed(&mut self, key: Key, message: &Message, arena: &Arena<'_>) -> Option<Breach> {
        let Request { what, round, node, .. } = message.request;
        if what == What::GiveBack && (key.client, key.round) == (message.client, round) {
            self.seat(message.client)?.deleted |= 1 << node;
        }
        let (guarded, until) = self.view(usize::from(key.client), arena)?.guard?;
        let is_valid = super::check::is_valid(until, self.now(arena.search().time));
        (is_valid && guarded == key.round).then_some("a key of a valid guard is deleted")
    }
}

impl Seat {
    fn note_failed(&mut self, cleaner: usize, node: u8, has_failed: bool) {
        if let Some(bits) = self.failed.get_mut(cleaner) {
            *bits = (*bits & !(1 << node)) | u8::from(has_failed) << node;
        }
    }
}

/// Whether somebody has rotated the token's value to this one.
pub(super) fn is_rotated(key: &Key) -> bool {
    is_of_lineage(key.value) && key.value != TOKEN
}

/// Whether a delete has found what may yet be set back to what it is to delete.
fn comes_too_early(request: Request, reply: Reply) -> bool {
    matches!((request.what, reply), (What::Undo | What::GiveBack, Reply::Adopted))
}
