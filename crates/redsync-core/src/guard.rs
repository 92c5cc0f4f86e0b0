//! [`Guard`]: a lock that this process holds.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    Error, Moment, ReleaseError, Released,
    drive::Drive,
    held::Held,
    machine::{Extend, ExtendCause, NodeSet, Release},
    options::Settings,
    plan::Target,
    redsync::World,
};

/// A lock that this process holds.
///
/// Dropping it releases the lock in the background; [`release`](Self::release) is the checked way.
#[must_use = "dropping a guard releases its lock"]
pub struct Guard {
    world: Arc<World>,
    held: Arc<Held>,
    settings: Settings,
    releases_on_drop: bool,
}

impl Guard {
    pub(crate) fn new(world: Arc<World>, held: Arc<Held>, settings: Settings) -> Self {
        tracing::debug!(lock = &*held.name, "taken");
        Self { world, held, settings, releases_on_drop: true }
    }

    /// The lock's name, which is its key in Redis.
    pub fn name(&self) -> &str {
        &self.held.name
    }

    /// The value that stands at the key. Who knows it can extend and release the lock.
    pub fn value(&self) -> &str {
        self.held.value.as_str()
    }

    /// Whether nobody else can hold the lock now.
    ///
    /// Once false it stays false: the lock is lost, even if it could be extended.
    pub fn is_valid(&self) -> bool {
        !self.valid_for().is_zero()
    }

    /// How much longer nobody else can hold the lock; zero when it is lost.
    pub fn valid_for(&self) -> Duration {
        self.valid_until_moment().since(self.world.runtime.now())
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
        let mut result = self.extension().result().await;
        // Another extension may have succeeded meanwhile, so that it is not the lock that has expired, but only
        // the validity that this one went by.
        if matches!(&result, Err(failure) if matches!(failure.cause, ExtendCause::Expired)) && self.is_valid()
        {
            result = self.extension().result().await;
        }
        match result {
            Ok(valid_until) => {
                self.prolong(valid_until);
                Ok(())
            }
            Err(failure) => {
                if matches!(failure.cause, ExtendCause::Lost) {
                    self.held.state().valid_until = Moment::default();
                }
                Err(Error::extend(&self.world, &self.held.name, failure))
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
    pub async fn release(mut self) -> Result<Released, ReleaseError> {
        let mut drive = self.give_back();
        match drive.result().await {
            Ok(released) => {
                tracing::debug!(lock = &*self.held.name, ?released, "released");
                Ok(released)
            }
            Err(failure) => {
                self.held.state().nodes = failure.not_deleted;
                let error = Error::release(&self.world, &self.held.name, failure);
                self.releases_on_drop = true;
                Err(ReleaseError::new(error, self))
            }
        }
    }

    /// Keeps the lock until its TTL is over: nobody gets it before that, and nobody releases it.
    pub fn leave(mut self) {
        self.releases_on_drop = false;
    }

    /// A lock that is being given back is nobody's to rely on, whatever becomes of the release.
    fn valid_until_moment(&self) -> Moment {
        let state = self.held.state();
        if state.is_given_back { Moment::default() } else { state.valid_until }
    }

    /// A validity only grows, and one that has ended does not come back.
    fn prolong(&self, valid_until: Moment) {
        let mut state = self.held.state();
        if state.valid_until > self.world.runtime.now() {
            state.valid_until = state.valid_until.max(valid_until);
        }
    }

    fn extension(&self) -> Drive<Extend> {
        let target = Target { valid_until: Some(self.valid_until_moment()), ..self.target() };
        if self.settings.revive {
            let mut state = self.held.state();
            state.revivable = state.revivable.union(target.nodes);
            state.absent = state.absent.without(state.revivable);
        }
        let drive = self.world.extend(&self.held.name, &self.settings, target);
        drive.following(Arc::clone(&self.held))
    }

    fn give_back(&mut self) -> Drive<Release> {
        self.releases_on_drop = false;
        let again = self.held.give_back();
        let mut target = self.target();
        let state = self.held.state();
        target.nodes = target.nodes.without(state.absent);
        target.may_be_deleted = state.may_be_undone();
        drop(state);
        if again && !target.exact {
            // The release that failed goes on in the background, and has deleted what it could.
            target.may_be_deleted = target.nodes;
        }
        self.world.release(&self.held.name, &self.settings, target)
    }

    /// A value of our own can be asked for everywhere; one that rivals may use too only where it is ours.
    fn target(&self) -> Target {
        let state = self.held.state();
        let exact = self.held.exact;
        let nodes = if exact { state.nodes } else { self.world.all_nodes() };
        let (value, valid_until) = (self.held.value.clone(), Some(state.valid_until));
        Target { value, exact, nodes, may_be_deleted: NodeSet::EMPTY, valid_until }
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
