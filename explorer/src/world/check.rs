//! What must hold in every world.

use std::cmp::Ordering;

use redsync_core::{Moment, Released};

use super::{Breach, Key, Prospect, Seat, World};
use crate::{
    arena::{Arena, Step},
    client::Fenced,
    message::TOKEN,
    search::{KeysEnd, NODES, Search, Time},
};

/// Whether a guard that says that it is valid until then is so now. Without ticks, what is valid at all is valid for good.
pub(super) fn is_valid(until: Moment, now: Option<Moment>) -> bool {
    until > now.unwrap_or_else(|| Moment::default().plus(Search::NEVER))
}

/// What a call returned must be true.
pub(super) fn result(step: &Step, deleted: u8, search: &Search) -> Option<Breach> {
    if step.not_locked && search.hung_node.is_some() {
        return Some("a call fails though a quorum answers");
    }
    let needed = search.roles.iter().map(|role| role.quorum.needed()).min().unwrap_or(0);
    let released = step.released?;
    let was_gone = matches!(released, Released::AlreadyGone | Released::Expired);
    if released == Released::Held && (deleted.count_ones() as usize) < needed {
        return Some("a release says that the lock was held, and a quorum did not hold it");
    }
    (was_gone && search.time == Time::Endless && search.keys_end == KeysEnd::Never)
        .then_some("a release says that the lock was gone, and it was not")
}

/// A value that stands does so for no shorter by any request, since that could have been overtaken by a later one.
pub(super) fn ends(before: Option<Key>, after: Option<Key>) -> Option<Breach> {
    let (before, after) = (before?, after?);
    let is_same = (before.client, before.value) == (after.client, after.value);
    (is_same && after.ends < before.ends).then_some("a request cuts the time of a value back")
}

impl World {
    /// What is wrong at any time.
    pub(crate) fn check(&self, arena: &Arena<'_>) -> Option<Breach> {
        if arena.search().keys_end == KeysEnd::AnyTime {
            return None;
        }
        let now = self.now(arena.search().time);
        let guards = self.clients().filter_map(|(_, seat)| arena.view(seat.state).guard);
        let valid = guards.filter(|(_, until)| is_valid(*until, now)).count();
        (valid > 1).then_some("two valid guards")
    }

    /// What is wrong when nothing has to happen any more.
    pub(crate) fn check_end(&self, arena: &Arena<'_>) -> Option<Breach> {
        if arena.search().time != Time::Endless {
            return None;
        }
        if !self.clients().all(|(_, seat)| arena.view(seat.state).is_over) {
            return Some("a call never ends");
        }
        if arena.search().keys_end != KeysEnd::Never {
            return None;
        }
        (0..).zip(&self.nodes).find_map(|(node, key)| self.check_left(node, key.as_ref()))
    }

    /// What is wrong with what is left at a node.
    fn check_left(&self, node: u8, key: Option<&Key>) -> Option<Breach> {
        let is_excused = |seat: &Seat| seat.excused & (1 << node) != 0;
        let excuses = self.seats.iter().flatten().any(is_excused);
        let spares = self.seats.iter().flatten().any(|seat| seat.spared & (1 << node) != 0);
        let has_stood = self.stood & (1 << node) != 0;
        match key {
            Some(key) if key.value == TOKEN => {
                let is_wrong = self.prospect == Prospect::Gone && !excuses && !spares;
                is_wrong.then_some("the token's value is left behind")
            }
            Some(key) => {
                let seat = self.seats.get(usize::from(key.client)).and_then(Option::as_ref);
                (!seat.is_some_and(is_excused)).then_some("a key is left behind")
            }
            None => (self.prospect == Prospect::Stands && has_stood && !excuses)
                .then_some("a token that nobody has used is lost"),
        }
    }

    /// What is wrong with the fencing number of a lock that was granted just now.
    pub(super) fn granted(&mut self, client: usize, fence: u8, arena: &Arena<'_>) -> Option<Breach> {
        if arena.search().keys_end == KeysEnd::AnyTime {
            return self.granted_to_anybody(client, fence, arena);
        }
        let last = std::mem::replace(&mut self.fence, fence);
        (fence <= last).then_some("a fencing number does not rise")
    }

    /// Where keys end at any time, who is granted the lock may have lost it by now. Numbers are to tell which of the holders
    /// has it.
    fn granted_to_anybody(&self, client: usize, fence: u8, arena: &Arena<'_>) -> Option<Breach> {
        if fence <= self.fence {
            return Some("a fencing number does not rise");
        }
        let fenced = |client| self.view(client, arena).and_then(|view| view.fenced);
        let is_held = fenced(client).is_some_and(|own| self.is_held(client, own));
        let others = self.clients().map(|(other, _)| other).filter(|other| *other != client);
        let mut others = others.filter_map(|other| Some((other, fenced(other)?)));
        others.find_map(|(other, its)| match fence.cmp(&its.fence) {
            Ordering::Equal => Some("two locks have the same fencing number"),
            Ordering::Less => is_held.then_some("a fencing number does not rise"),
            Ordering::Greater => self
                .is_held(other, its)
                .then_some("the number of a lock that is lost is higher than that of the one that is held"),
        })
    }

    /// Whether a quorum has held the lock ever since.
    fn is_held(&self, client: usize, fenced: Fenced) -> bool {
        let Fenced { round, nodes, .. } = fenced;
        let is_its = |key: &Key| (usize::from(key.client), key.round) == (client, round);
        let keys = self.nodes.iter().enumerate().filter(|(node, _)| nodes.contains(*node));
        keys.filter(|(_, key)| key.as_ref().is_some_and(is_its)).count() > NODES / 2
    }
}
