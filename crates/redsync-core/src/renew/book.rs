//! [`Book`]: which locks are to be extended in the background, and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    task::Waker,
};

use super::lock::Lock;
use crate::{
    Moment,
    background::{Running, Tasks},
};

/// The locks by the number of their guard, in the order in which they fall due.
#[derive(Default)]
pub(super) struct Book {
    entries: BTreeMap<u64, Entry>,
    due: BTreeSet<(Moment, u64)>,
    /// Those in a pause after a failure stand apart from `due`, so that whoever looks there for what can go along need not
    /// pass over them.
    paused: BTreeSet<(Moment, u64)>,
    is_running: bool,
    /// Whether anybody left the locks to the task that runs, after the one who spawned it.
    is_relied_on: bool,
    /// The task's, between its turns.
    waker: Option<Waker>,
    /// When the task wakes by itself. While it has its turn that is the origin of time, which nothing is earlier than.
    sleeps_until: Option<Moment>,
}

struct Entry {
    lock: Arc<Lock>,
    /// How many want it to be extended: the guard itself, and each work that goes on under it.
    wanted: usize,
    is_stopped: bool,
    /// Whether the guard is gone.
    is_forgotten: bool,
    due: Option<Moment>,
    /// After a failure, the next extension does not begin before this, nor goes along with others.
    paused_until: Option<Moment>,
    /// Whether the last extension has no result yet.
    is_undecided: bool,
    /// How many extensions are unsettled.
    in_flight: usize,
    /// What is in flight when the lock is extended no more is background work that ends, and is waited for.
    settling: Option<Running>,
}

/// What is to be done about the task after a change.
pub(super) enum Nudge {
    Nothing,
    Wake(Waker),
    Spawn,
}

/// What the task is to do when its turn is over.
pub(super) enum Rest {
    Until(Option<Moment>),
    End,
}

/// For the guards.
impl Book {
    /// One more wants the lock to be extended.
    pub(super) fn want(&mut self, id: u64, lock: &Arc<Lock>, tasks: &Arc<Tasks>) {
        let entry = self.entries.entry(id).or_insert_with(|| Entry::new(Arc::clone(lock)));
        entry.wanted = entry.wanted.saturating_add(1);
        self.update(id, tasks);
    }

    /// One less wants the lock to be extended.
    pub(super) fn unwant(&mut self, id: u64, tasks: &Arc<Tasks>) {
        self.change(id, tasks, |entry| entry.wanted = entry.wanted.saturating_sub(1));
    }

    /// Whether the lock is extended from now on, if anybody wants it.
    pub(super) fn set_renewing(&mut self, id: u64, renewing: bool, tasks: &Arc<Tasks>) {
        self.change(id, tasks, |entry| entry.is_stopped = !renewing);
    }

    /// The guard is gone.
    pub(super) fn forget(&mut self, id: u64, tasks: &Arc<Tasks>) {
        self.change(id, tasks, |entry| entry.is_forgotten = true);
    }

    /// What is to be done about the task, after a change.
    pub(super) fn nudge(&mut self) -> Nudge {
        let next = self.next();
        if !self.is_running {
            (self.is_running, self.is_relied_on) = (next.is_some(), false);
            self.sleeps_until = Some(Moment::default());
            return if self.is_running { Nudge::Spawn } else { Nudge::Nothing };
        }
        self.is_relied_on = true;
        let is_called_for = match (next, self.sleeps_until) {
            (Some(at), Some(until)) => at < until,
            (Some(_), None) => true,
            // It may have nothing to do any more.
            (None, until) => until.is_some(),
        };
        match self.waker.take_if(|_| is_called_for) {
            Some(waker) => Nudge::Wake(waker),
            None => Nudge::Nothing,
        }
    }

    fn change(&mut self, id: u64, tasks: &Arc<Tasks>, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(&id) {
            change(entry);
            self.update(id, tasks);
        }
    }
}

/// For the task.
impl Book {
    /// Whether the lock is still to be extended.
    pub(super) fn is_wanted(&self, id: u64) -> bool {
        self.entries.get(&id).is_some_and(Entry::is_wanted)
    }

    /// Takes out what is due at `now`, with what falls due so shortly after it that it can go along, unless it is in a
    /// pause. Each is to be [decided](Self::decide), and to [land](Self::land).
    pub(super) fn take_due(&mut self, now: Moment) -> Vec<(u64, Arc<Lock>)> {
        let mut taken = Vec::new();
        if self.next().is_none_or(|at| at > now) {
            return taken;
        }
        self.end_pauses(now);
        while let Some(&(at, id)) = self.due.first() {
            let Some(entry) = self.entries.get_mut(&id) else { break };
            let horizon = now.plus(entry.lock.terms.window);
            if at > horizon {
                break;
            }
            self.due.pop_first();
            // It may have been extended by hand meanwhile.
            entry.due = entry.lock.due(now);
            match entry.due {
                Some(later) if later > horizon => _ = self.due.insert((later, id)),
                Some(_) => taken.push((id, entry.begin())),
                None => {}
            }
        }
        taken
    }

    /// Has those whose pause is over stand among the others again.
    fn end_pauses(&mut self, now: Moment) {
        while let Some(&(at, id)) = self.paused.first()
            && at <= now
        {
            self.paused.pop_first();
            self.due.insert((at, id));
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.paused_until = None;
            }
        }
    }

    /// An extension has its result; if it has failed, there is a pause before the next one.
    pub(super) fn decide(&mut self, id: u64, paused_until: Option<Moment>, tasks: &Arc<Tasks>) {
        self.change(id, tasks, |entry| (entry.is_undecided, entry.paused_until) = (false, paused_until));
    }

    /// Nothing is left to do about an extension.
    pub(super) fn land(&mut self, id: u64, tasks: &Arc<Tasks>) {
        self.change(id, tasks, |entry| entry.in_flight = entry.in_flight.saturating_sub(1));
    }

    /// The task begins its turn: what changes from now on it will see.
    pub(super) fn wake_up(&mut self) {
        self.is_relied_on = true;
        (self.sleeps_until, self.waker) = (Some(Moment::default()), None);
    }

    /// The task has had its turn.
    pub(super) fn rest(&mut self, waker: &Waker, has_more: bool) -> Rest {
        let next = self.next();
        if next.is_none() && !has_more {
            self.end();
            return Rest::End;
        }
        self.waker = Some(waker.clone());
        self.sleeps_until = next;
        Rest::Until(next)
    }

    /// The task is gone before its end. Returns the locks to be looked after again, by whoever has them extended.
    ///
    /// A task that had no turn and that nobody relied on leaves none: who spawned it is where nothing can be spawned, and
    /// would be told so for ever.
    pub(super) fn abandon(&mut self) -> Vec<Arc<Lock>> {
        self.end();
        let wanted = self.entries.values().filter(|entry| self.is_relied_on && entry.is_wanted());
        wanted.map(|entry| Arc::clone(&entry.lock)).collect()
    }

    fn end(&mut self) {
        (self.is_running, self.waker) = (false, None);
    }

    /// When the next one falls due.
    fn next(&self) -> Option<Moment> {
        let firsts = [self.due.first(), self.paused.first()];
        firsts.into_iter().flatten().map(|(at, _)| *at).min()
    }

    fn update(&mut self, id: u64, tasks: &Arc<Tasks>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if let Some(at) = entry.due.take() {
            self.due.remove(&(at, id));
            self.paused.remove(&(at, id));
        }
        entry.due = entry.next();
        let queue = if entry.paused_until.is_some() { &mut self.paused } else { &mut self.due };
        queue.extend(entry.due.map(|at| (at, id)));
        match entry.in_flight > 0 && !entry.is_wanted() {
            true => _ = entry.settling.get_or_insert_with(|| tasks.start()),
            false => entry.settling = None,
        }
        if entry.is_forgotten && entry.in_flight == 0 {
            self.entries.remove(&id);
        }
    }
}

impl Entry {
    fn new(lock: Arc<Lock>) -> Self {
        Self {
            lock,
            wanted: 0,
            is_stopped: false,
            is_forgotten: false,
            due: None,
            paused_until: None,
            is_undecided: false,
            in_flight: 0,
            settling: None,
        }
    }

    fn is_wanted(&self) -> bool {
        self.wanted > 0 && !self.is_stopped && !self.is_forgotten
    }

    fn next(&self) -> Option<Moment> {
        let earliest = self.paused_until.unwrap_or_default();
        if self.is_wanted() && !self.is_undecided { self.lock.due(earliest) } else { None }
    }

    fn begin(&mut self) -> Arc<Lock> {
        self.due = None;
        self.is_undecided = true;
        self.in_flight = self.in_flight.saturating_add(1);
        Arc::clone(&self.lock)
    }
}
