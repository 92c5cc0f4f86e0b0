//! [`Flight`]: one extension in the background, until nothing is left to do about it.

use std::sync::Arc;

use futures_util::future::join;

use super::lock::Lock;
use crate::{
    Moment,
    drive::Drive,
    machine::{Extend, ExtendCause, ExtendFailure, NodeSet},
    redsync::World,
    source::Generator,
};

/// An extension that was taken out of the book.
pub(super) struct Flight {
    world: Arc<World>,
    id: u64,
    lock: Arc<Lock>,
    is_decided: bool,
}

impl Flight {
    pub(super) fn new(world: &Arc<World>, id: u64, lock: Arc<Lock>) -> Self {
        Self { world: Arc::clone(world), id, lock, is_decided: false }
    }

    /// Extends the lock once, and sets the key anew at the nodes that turn out to miss it.
    pub(super) async fn run(mut self) {
        if !self.is_wanted() {
            return;
        }
        let mut drive = self.lock.extension(&self.world);
        let result = drive.result_while_held().await;
        if !self.take_in(drive.number(), result) {
            return drive.settled().await;
        }
        let found = missing(&drive);
        join(drive.settled(), self.fill(found)).await;
        self.fill(missing(&drive).without(found)).await;
    }

    /// Takes in a result, and says whether the lock is extended.
    fn take_in(&mut self, number: u64, result: Option<Result<Moment, ExtendFailure>>) -> bool {
        let now = self.world.runtime.now();
        let held = &self.lock.held;
        let is_extended = match result {
            Some(Ok(valid_until)) => held.prolong(number, valid_until, now),
            Some(Err(failure)) => {
                tracing::debug!(lock = &*held.name, cause = ?failure.cause, "not extended in the background");
                if matches!(failure.cause, ExtendCause::Lost) {
                    held.lose();
                }
                false
            }
            None => false,
        };
        self.decide(is_extended);
        is_extended
    }

    async fn fill(&self, nodes: NodeSet) {
        let drive = self.lock.filling(&self.world, nodes).filter(|_| self.is_wanted());
        if let Some(mut drive) = drive {
            drive.result_while_held().await;
            drive.settled().await;
        }
    }

    fn is_wanted(&self) -> bool {
        self.world.renewals.book().is_wanted(self.id)
    }

    fn decide(&mut self, is_extended: bool) {
        self.is_decided = true;
        let pause_ends = self.world.runtime.now().plus(self.lock.terms.pause);
        let paused_until = Some(pause_ends).filter(|_| !is_extended);
        self.world.with_book(|book| book.decide(self.id, paused_until, &self.world.tasks));
    }
}

impl Drop for Flight {
    /// Counts on the destructor, since a runtime that shuts down drops its tasks unfinished.
    fn drop(&mut self) {
        if !self.is_decided {
            self.decide(false);
        }
        self.world.with_book(|book| book.land(self.id, &self.world.tasks));
    }
}

fn missing(drive: &Drive<Extend<Generator>>) -> NodeSet {
    drive.machine().map_or(NodeSet::EMPTY, Extend::missing)
}
