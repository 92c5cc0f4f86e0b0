//! [`Queue`]: what a call does until it is its turn to ask for a lock.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::future::{Either, select};

use crate::{
    BoxFuture, Error, Moment,
    held::Held,
    line::{Place, Turn},
    lookout::Lookout,
    machine::{AcquireFailure, GaveUp},
    options::Settings,
    redsync::World,
};

/// The least that a try takes of a call that waits in line. One that asks takes a round trip besides its pause, and may
/// have no pause at all.
const LEAST: Duration = Duration::from_millis(1);
/// Of a deadline, what is left for the last try at the most. A node time-out may be longer than the whole.
const PART_FOR_LAST: u32 = 4;

/// A call before it asks for the lock.
///
/// It waits for as long as it would if it asked: after each pause between two tries it has one try less, and the last one
/// is made wherever it stands in the line, so that it learns from the nodes why there is no lock.
pub(crate) struct Queue<'a> {
    world: &'a Arc<World>,
    name: &'a Arc<str>,
    settings: &'a Settings,
    begun: Moment,
    /// When a last try begins, so that its answers come before the deadline.
    last_at: Option<Moment>,
}

/// How to ask for the lock.
pub(crate) struct Entry {
    pub(crate) tries: u32,
    /// When its turn came.
    pub(crate) since: Moment,
    pub(crate) lookout: Lookout,
    /// Whether it asks for the last time before its deadline.
    is_late: bool,
    /// How many tries were spent in line.
    queued: u32,
    place: Option<Place>,
    /// Whether others have had their chance before.
    waited: bool,
}

impl<'a> Queue<'a> {
    pub(crate) fn new(
        world: &'a Arc<World>,
        name: &'a Arc<str>,
        settings: &'a Settings,
        begun: Moment,
    ) -> Self {
        let last_at = settings
            .deadline
            .map(|deadline| begun.plus(deadline).minus(settings.node_timeout.min(deadline / PART_FOR_LAST)));
        Self { world, name, settings, begun, last_at }
    }

    /// Waits in line; `None` when `stop` resolves first.
    pub(crate) async fn entry(&self, mut stop: impl Future + Unpin) -> Option<Entry> {
        let lookout = Lookout::new(Arc::clone(self.world), Arc::clone(self.name));
        let all = self.settings.tries;
        if all == 1 {
            let place = self.world.lines.join_alone(self.name, self.begun);
            let since = self.begun;
            return Some(Entry { tries: 1, since, lookout, is_late: false, queued: 0, place, waited: false });
        }
        let place = self.world.lines.join(self.name, self.begun);
        let mut turn = place.turn_at(self.begun);
        let (mut tried, mut since) = (1, self.begun);
        while turn.is_none() && tried < all && !self.is_late() {
            let my_turn = pin!(place.turn(self.settings.ttl.as_duration(), &*self.world.runtime));
            match select(select(my_turn, self.pause(tried)), &mut stop).await {
                Either::Left((Either::Left((now, _)), _)) => turn = Some(now),
                Either::Left((Either::Right(_), _)) => tried += 1,
                Either::Right(_) => return None,
            }
            since = self.world.runtime.now();
        }
        let Some(turn) = turn else {
            let (is_late, place) = (self.is_late(), None);
            return Some(Entry { tries: 1, since, lookout, is_late, queued: tried, place, waited: false });
        };
        let (queued, place) = (tried - 1, Some(place));
        let tries = all - queued;
        let mut entry = Entry { tries, since, lookout, is_late: false, queued, place, waited: false };
        self.let_others(turn, &mut entry, stop).await.then_some(entry)
    }

    /// Lets others have their chance, where it is due; says whether it was not stopped.
    async fn let_others(&self, turn: Turn, entry: &mut Entry, stop: impl Future + Unpin) -> bool {
        let Turn::AfterOthers { is_long } = turn else { return true };
        if !entry.lookout.can_tell() && !is_long {
            return true;
        }
        let chance = pin!(others_chance(&mut entry.lookout, is_long));
        entry.waited = match select(select(chance, self.pause(1)), stop).await {
            Either::Left((Either::Left((is_had, _)), _)) => is_had,
            Either::Left((Either::Right(_), _)) => true,
            Either::Right(_) => return false,
        };
        entry.since = self.world.runtime.now();
        true
    }

    fn is_late(&self) -> bool {
        self.last_at.is_some_and(|at| at <= self.world.runtime.now())
    }

    /// The pause after so many tries, or what there is time for.
    fn pause(&self, tried: u32) -> BoxFuture<'static, ()> {
        let runtime = &self.world.runtime;
        let pause = self.settings.delay.after(tried, runtime.random()).max(LEAST);
        let until = runtime.now().plus(pause);
        runtime.sleep_until(self.last_at.map_or(until, |at| at.min(until)))
    }
}

impl Entry {
    /// What the failure of its call is, when the time in line is counted in.
    pub(crate) fn error(self, world: &World, name: &Arc<str>, mut failure: AcquireFailure) -> Error {
        if self.is_late && matches!(failure.gave_up, GaveUp::Tries) {
            failure.gave_up = GaveUp::Deadline;
        }
        Error::acquire(world, name, failure).queued(self.queued)
    }

    /// Its place in the line, once it has the lock.
    pub(crate) fn hold(self, held: &Arc<Held>, now: Moment) -> Option<Place> {
        let waited = self.waited || self.lookout.is_used();
        self.place.inspect(|place| place.hold(held, waited, now))
    }
}

/// Resolves when others have had their chance; to `false` where they cannot be told that the lock is free, and nothing is
/// to be waited for but the time for a few polls, if that `is_long` due.
///
/// Others get to know of it half a round trip later than the nodes, and then mostly take a look before they ask. So does
/// this call, which has sent the release: two looks later they are even.
async fn others_chance(lookout: &mut Lookout, is_long: bool) -> bool {
    let is_told = lookout.is_free().await && lookout.is_free().await;
    if !is_told && is_long {
        return pending().await;
    }
    if !is_told {
        lookout.end();
    }
    is_told
}
