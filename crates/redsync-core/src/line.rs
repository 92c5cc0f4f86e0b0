//! [`Lines`]: in which order the calls of this process ask for a lock.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use event_listener::Event;
use futures_util::future::select;

use crate::{Moment, Runtime, held::Held};

/// How often a lock goes from one call of this process to the next before others get the same chance. The next call then
/// waits for the lock to be free like everybody else; that costs it a round trip or two, and eight make little of that.
const HANDS_IN_A_ROW: u32 = 8;
/// How long they may do so where nobody is told that the lock is free, and others poll. Between two polls there is a fifth
/// of a second or so, and of several polls one is to be lucky.
const TIME_IN_A_ROW: Duration = Duration::from_secs(1);
/// How long a call that takes the lock again and again, with nobody behind it, does so before others get the same chance. It is
/// ahead of them each time by half a round trip, and would be for ever; the chance costs it two round trips.
const TIME_ALONE: Duration = Duration::from_millis(100);
/// A lock that was free for so long was there for everybody.
const FREE_FOR_ALL: Duration = Duration::from_millis(20);

/// Who waits for which lock. Of those that wait for the same one only the first asks for it.
pub(crate) struct Lines {
    runtime: Arc<dyn Runtime>,
    all: Mutex<All>,
    /// How many places there have been, of all lines: one that was taken out of its line may outlast that line, and is not to
    /// be mistaken for one in the next.
    places: AtomicU64,
}

#[derive(Default)]
struct All {
    by_name: BTreeMap<Arc<str>, Line>,
    /// The lines that became empty, in that order, of which some may go on by now.
    empty: VecDeque<(Arc<str>, Moment)>,
}

#[derive(Default)]
struct Line {
    /// The first one asks for the lock or holds it.
    slots: VecDeque<Slot>,
    /// How many have left whose release has not been answered yet: nobody else can have heard of it.
    leaving: usize,
    /// How often the lock has gone from one to the next without a chance for others, and since when.
    in_a_row: u32,
    since: Option<Moment>,
    /// Since when nobody is in it, and nobody leaves.
    empty_since: Option<Moment>,
}

struct Slot {
    number: u64,
    /// Tells it that it may be the first one now. Who came into an empty line needs none.
    moves: Option<Arc<Event>>,
    /// The lock, once it has it.
    holds: Option<Arc<Held>>,
}

/// A place in a line, which is left when it is dropped, or before.
pub(crate) struct Place {
    lines: Arc<Lines>,
    name: Arc<str>,
    number: u64,
    moves: Option<Arc<Event>>,
    has_left: bool,
}

/// How to ask for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// At once.
    Now,
    /// When others have had their chance, who are told that the lock is free, or else have the time for a few polls.
    AfterOthers {
        /// Whether it has gone round in this process for so long.
        is_long: bool,
    },
}

impl Lines {
    pub(crate) fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime, all: Mutex::default(), places: AtomicU64::default() }
    }

    /// Queues up for the lock called `name`.
    pub(crate) fn join(self: &Arc<Self>, name: &Arc<str>, now: Moment) -> Place {
        let mut all = self.all();
        all.forget(now);
        let line = all.by_name.entry(Arc::clone(name)).or_default();
        if line.empty_since.take().is_some() {
            // Who comes only now is not the next in line.
            line.in_a_row = 0;
        }
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let moves = (!line.slots.is_empty()).then(Arc::<Event>::default);
        line.slots.push_back(Slot { number, moves: moves.clone(), holds: None });
        Place { lines: Arc::clone(self), name: Arc::clone(name), number, moves, has_left: false }
    }

    /// The same where nobody else is there.
    pub(crate) fn join_alone(self: &Arc<Self>, name: &Arc<str>, now: Moment) -> Option<Place> {
        let is_empty = self.all().by_name.get(name).is_none_or(|line| line.slots.is_empty());
        is_empty.then(|| self.join(name, now))
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    /// Forgets the lines that have been empty for long enough. Each is looked at once for each time that it became so.
    fn forget(&mut self, now: Moment) {
        let is_old = |(_, since): &(Arc<str>, Moment)| now.since(*since) >= FREE_FOR_ALL;
        while self.empty.front().is_some_and(is_old)
            && let Some((name, since)) = self.empty.pop_front()
        {
            if self.by_name.get(&name).is_some_and(|line| line.empty_since == Some(since)) {
                self.by_name.remove(&name);
            }
        }
    }
}

impl Line {
    /// Whether this one is first by now. A lock whose validity is over holds nobody up, whatever its guard is doing.
    fn is_first(&mut self, number: u64, now: Moment) -> bool {
        if self.first_is_over_at().is_some_and(|at| at <= now) {
            self.slots.pop_front();
            self.call_first();
        }
        self.slots.front().is_some_and(|first| first.number == number)
    }

    /// When the lock of the first one is over by time, if it has it. A release that has begun changes nothing of that: it
    /// has not been sent yet, or else there would be no place any more.
    fn first_is_over_at(&self) -> Option<Moment> {
        self.slots.front().and_then(|first| first.holds.as_ref()).map(|held| held.over_at())
    }

    fn call_first(&self) {
        let moves = self.slots.front().and_then(|first| first.moves.as_ref());
        moves.into_iter().for_each(|moves| _ = moves.notify(1));
    }

    fn remove(&mut self, number: u64) {
        let Some(index) = self.slots.iter().position(|slot| slot.number == number) else { return };
        if self.slots.remove(index).is_some_and(|slot| slot.holds.is_some()) {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        if index == 0 {
            self.call_first();
        }
    }

    fn turn(&self, now: Moment) -> Turn {
        let time = self.since.map_or(Duration::ZERO, |since| now.since(since));
        let is_alone = self.slots.len() == 1 && self.in_a_row == 0;
        if self.in_a_row >= HANDS_IN_A_ROW || is_alone && time >= TIME_ALONE || time >= TIME_IN_A_ROW {
            Turn::AfterOthers { is_long: time >= TIME_IN_A_ROW }
        } else {
            Turn::Now
        }
    }

    /// Others have had their chance.
    fn begin_anew(&mut self) {
        (self.in_a_row, self.since) = (0, None);
    }
}

impl Place {
    /// Waits for its turn. Looks by itself when the lock of the first one is over by time, or after the time `ttl` whether
    /// it has it by then.
    pub(crate) async fn turn(&self, ttl: Duration, runtime: &dyn Runtime) -> Turn {
        loop {
            let moves = self.moves.as_ref().map(|moves| moves.listen());
            let now = runtime.now();
            if let Some(turn) = self.turn_at(now) {
                return turn;
            }
            let look = runtime.sleep_until(self.first_is_over_at().unwrap_or_else(|| now.plus(ttl)));
            match moves {
                Some(moves) => _ = select(moves, look).await,
                None => look.await,
            }
        }
    }

    fn first_is_over_at(&self) -> Option<Moment> {
        self.lines.all().by_name.get(&self.name).and_then(Line::first_is_over_at)
    }

    /// Its turn, if it has come.
    pub(crate) fn turn_at(&self, now: Moment) -> Option<Turn> {
        let mut all = self.lines.all();
        let line = all.by_name.get_mut(&self.name)?;
        line.is_first(self.number, now).then(|| line.turn(now))
    }

    /// It has the lock by now; `waited` says whether others had their chance before.
    pub(crate) fn hold(&self, held: &Arc<Held>, waited: bool, now: Moment) {
        let mut all = self.lines.all();
        let Some(line) = all.by_name.get_mut(&self.name) else { return };
        if waited {
            line.begin_anew();
        }
        line.since.get_or_insert(now);
        if let Some(slot) = line.slots.iter_mut().find(|slot| slot.number == self.number) {
            slot.holds = Some(Arc::clone(held));
        }
    }

    /// Makes room for the next one. Until this is dropped the line goes on, also when it is empty: who comes into it comes
    /// right behind this one, and without a chance for others.
    pub(crate) fn leave(&mut self) {
        if !std::mem::replace(&mut self.has_left, true)
            && let Some(line) = self.lines.all().by_name.get_mut(&self.name)
        {
            line.leaving += 1;
            line.remove(self.number);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = self.lines.runtime.now();
        let mut all = self.lines.all();
        let Some(line) = all.by_name.get_mut(&self.name) else { return };
        if self.has_left {
            line.leaving -= 1;
        } else {
            line.remove(self.number);
        }
        if line.slots.is_empty() && line.leaving == 0 {
            line.empty_since = Some(now);
            all.empty.push_back((Arc::clone(&self.name), now));
        }
    }
}
