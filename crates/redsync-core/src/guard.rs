//! [`Guard`]: a lock that this process holds.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    Error, GuardError, Loss, Moment, Redsync, Released,
    drive::Drive,
    held::Held,
    line::Place,
    machine::{Extend, ExtendCause, ExtendFailure, Release},
    options::Settings,
    redsync::World,
    renew::Watch,
    source::Generator,
};

/// A lock that this process holds.
///
/// Dropping it releases the lock in the background; [`release`](Self::release) is the checked way.
#[must_use = "dropping a guard releases its lock"]
pub struct Guard {
    pub(crate) world: Arc<World>,
    pub(crate) held: Arc<Held>,
    pub(crate) settings: Arc<Settings>,
    /// Ends after the guard's own destructor.
    pub(crate) watch: Watch,
    pub(crate) releases_on_drop: bool,
    /// In the line of this process for the lock.
    place: Option<Place>,
}

impl Guard {
    pub(crate) fn new(
        world: Arc<World>,
        held: Arc<Held>,
        settings: Arc<Settings>,
        place: Option<Place>,
        begun: Moment,
    ) -> Self {
        tracing::debug!(lock = &*held.name, "taken");
        let watch = Watch::new(&world, &held, Arc::clone(&settings), begun);
        Self { world, held, settings, watch, releases_on_drop: true, place }
    }

    /// The lock's name, which is its key in Redis.
    pub fn name(&self) -> &str {
        &self.held.name
    }

    /// The value that stands at the key. Who knows it can extend and release the lock.
    pub fn value(&self) -> &str {
        self.held.value.as_str()
    }

    /// The lock's fencing number, greater than that of every earlier holder. `None` unless the lock was taken
    /// [`fenced`](crate::Mutex::fenced).
    ///
    /// What is to be protected remembers the greatest that it has seen, and refuses who comes with a smaller one, also
    /// when that one has not noticed yet that its lock is lost. In SQL: `UPDATE report SET body = $2, fence = $3 WHERE
    /// id = $1 AND fence <= $3`, which changes no row for who is refused. It fits a `BIGINT`, being below 2^53.
    pub fn fence(&self) -> Option<u64> {
        self.held.fence
    }

    /// The nodes that it is held on.
    pub fn redsync(&self) -> Redsync {
        Redsync { world: Arc::clone(&self.world) }
    }

    /// Whether nobody else can hold the lock now.
    ///
    /// Once false it stays false: the lock is lost, even if it could be extended.
    pub fn is_valid(&self) -> bool {
        !self.valid_for().is_zero()
    }

    /// How much longer nobody else can hold the lock; zero when it is lost.
    pub fn valid_for(&self) -> Duration {
        self.held.valid_until().since(self.world.runtime.now())
    }

    /// Until when nobody else can hold the lock, by the wall clock: for logs and people. Decide by
    /// [`is_valid`](Self::is_valid), which no change of the clock can mislead.
    pub fn valid_until(&self) -> SystemTime {
        let now = self.world.runtime.wall_clock();
        now.checked_add(self.valid_for()).unwrap_or(now)
    }

    /// Lengthens the lock to its TTL from now, with up to [`extend_tries`](crate::Mutex::extend_tries) tries.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Lost`](crate::ErrorKind::Lost) when a quorum holds it no more,
    /// [`ErrorKind::Expired`](crate::ErrorKind::Expired) when its validity ended first: then the lock is lost
    /// for good. [`ErrorKind::Unreachable`](crate::ErrorKind::Unreachable) when too few nodes
    /// answered: it stays valid for as long as it was. Nothing is ever deleted.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the keys may last longer, but the guard's validity stays what it was.
    pub async fn extend(&self) -> Result<(), Error> {
        let begun = self.world.runtime.now();
        let mut drive = self.extension(begun);
        let mut result = drive.result().await;
        // Another extension may have succeeded meanwhile, so that it is not the lock that has expired, but only
        // the validity that this one went by.
        if matches!(&result, Err(failure) if matches!(failure.cause, ExtendCause::Expired)) && self.is_valid()
        {
            drive = self.extension(begun);
            result = drive.result().await;
        }
        match result {
            Ok(valid_until) if self.held.prolong(drive.number(), valid_until, self.world.runtime.now()) => {
                Ok(())
            }
            Ok(_) => {
                Err(Error::extend(&self.world, &self.held.name, "extend", ExtendFailure::found_meanwhile()))
            }
            Err(failure) => {
                if matches!(failure.cause, ExtendCause::Lost) {
                    self.held.lose();
                }
                Err(Error::extend(&self.world, &self.held.name, "extend", failure))
            }
        }
    }

    /// Gives the lock back, with up to [`release_tries`](crate::Mutex::release_tries) tries, and says whether it was
    /// still held.
    ///
    /// It returns when a quorum has answered; the other nodes are told in the background, which
    /// [`Redsync::settled`](crate::Redsync::settled) waits for before a process ends.
    ///
    /// # Errors
    ///
    /// When too few nodes could be reached; the error gives the guard back, to try again. It is not valid any
    /// more, since the release may have happened, and goes on in the background: the next one then finds
    /// [`Released::Unclear`]. A lock that was gone already is no error but an outcome.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the release goes on in the background.
    pub async fn release(mut self) -> Result<Released, GuardError> {
        let mut drive = self.give_back();
        match drive.result().await {
            Ok(released) => {
                tracing::debug!(lock = &*self.held.name, ?released, "released");
                if released == Released::AlreadyGone {
                    self.held.told(Loss::Gone);
                }
                Ok(released)
            }
            Err(failure) => {
                self.held.keep_only(failure.not_deleted);
                let error = Error::release(&self.world, &self.held.name, failure);
                self.releases_on_drop = true;
                Err(GuardError::new(error, self))
            }
        }
    }

    /// Keeps the lock until its TTL is over: nobody gets it before that, and nobody releases it. After a
    /// [`hand_over`](Self::hand_over) that has failed that may be the wait.
    pub fn leave(mut self) {
        self.releases_on_drop = false;
    }

    fn extension(&self, begun: Moment) -> Drive<Extend<Generator>> {
        let target = self.held.to_extend(self.world.all_nodes(), self.settings.revive);
        self.world.extend_held(&self.held, &self.settings, target, begun)
    }

    fn give_back(&mut self) -> Drive<Release<Generator>> {
        self.releases_on_drop = false;
        self.watch.set_renewing(false);
        let all = self.world.all_nodes();
        let target = self.held.give_back(all);
        let now = self.world.runtime.now();
        let target = target.at(now);
        if let Some(token) = target.token_alone(all) {
            drop(self.world.release(&self.held.name, &self.settings, token, now));
        }
        let unproven = target.revivable.union(self.world.may_repeat);
        let mut drive = self.world.release(&self.held.name, &self.settings, target, now);
        drive.tell_of_deletes(Arc::clone(&self.held), unproven);
        drive.leave(self.place.take());
        drive
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.releases_on_drop {
            drop(self.give_back());
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("name", &self.held.name)
            .field("valid_for", &self.valid_for())
            .finish_non_exhaustive()
    }
}
