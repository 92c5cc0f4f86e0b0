//! [`Watch`]: what a guard has of the renewal.

use std::sync::{Arc, OnceLock};

use super::{Lost, lock::Lock, terms::Terms};
use crate::{Moment, background::Tasks, held::Held, options::Settings, redsync::World};

/// Has a lock extended in the background while that is wanted. Dropping it ends that.
pub(crate) struct Watch {
    world: Arc<World>,
    held: Arc<Held>,
    settings: Arc<Settings>,
    /// When the lock was taken.
    begun: Moment,
    /// The lock under its number in the book, once it was to be extended. Most never are.
    entry: OnceLock<(u64, Arc<Lock>)>,
}

/// Wants a lock to be extended, until it is dropped.
pub(super) struct Wanted<'a>(&'a Watch);

impl Watch {
    /// Watches a lock that is held since `begun`, and has it extended if the settings say so.
    pub(crate) fn new(world: &Arc<World>, held: &Arc<Held>, settings: Arc<Settings>, begun: Moment) -> Self {
        let (world, held, entry) = (Arc::clone(world), Arc::clone(held), OnceLock::new());
        let watch = Self { world, held, settings, begun, entry };
        if watch.settings.auto_extend {
            watch.add_one();
        }
        watch
    }

    /// Whether the lock is to be extended in the background, where that is wanted; at first it is.
    ///
    /// After `false` no request begins that does. What is in flight, or was just being sent by another thread, keeps in
    /// step with the lock, and [`Redsync::settled`](crate::Redsync::settled) waits for it. With `true` it goes on.
    pub(crate) fn set_renewing(&self, renewing: bool) {
        if let Some((id, _)) = self.entry.get() {
            self.world.with_book(|book| book.set_renewing(*id, renewing, self.tasks()));
        }
    }

    /// Has the lock extended until the returned value is dropped.
    pub(super) fn want(&self) -> Wanted<'_> {
        self.add_one();
        Wanted(self)
    }

    /// Sees to it that the renewal goes on, if the runtime that it ran on has ended.
    pub(super) fn go_on(&self) {
        self.world.with_book(|_| ());
    }

    /// Resolves when the lock is lost.
    pub(super) fn lost(&self) -> Lost {
        Lost::new(Arc::clone(&self.world.runtime), Arc::clone(&self.held), self.terms())
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.held.name
    }

    fn add_one(&self) {
        let lock = || Arc::new(Lock::new(&self.held, self.terms(), &self.settings));
        let (id, lock) = self.entry.get_or_init(|| (self.world.renewals.next_id(), lock()));
        self.world.with_book(|book| book.want(*id, lock, self.tasks()));
    }

    fn terms(&self) -> Terms {
        Terms::new(&self.settings, self.begun)
    }

    fn tasks(&self) -> &Arc<Tasks> {
        &self.world.tasks
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.held.part();
        if let Some((id, _)) = self.entry.get() {
            self.world.with_book(|book| book.forget(*id, self.tasks()));
        }
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        let Self(watch) = self;
        if let Some((id, _)) = watch.entry.get() {
            watch.world.with_book(|book| book.unwant(*id, watch.tasks()));
        }
    }
}
