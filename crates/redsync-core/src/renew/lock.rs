//! [`Lock`]: a held lock as the renewal sees it.

use std::sync::Arc;

use super::terms::Terms;
use crate::{
    Delay, Moment,
    drive::Drive,
    held::Held,
    machine::{Extend, NodeSet},
    options::Settings,
    redsync::World,
    source::Generator,
};

/// A held lock that is to be extended, or may be.
pub(super) struct Lock {
    pub(super) held: Arc<Held>,
    pub(super) terms: Terms,
    settings: Settings,
}

impl Lock {
    /// Nothing of the user's own is kept: it would be dropped in odd places.
    ///
    /// An extension has one round. Whether there is another is decided anew each time, so that none begins after the
    /// lock was given back.
    pub(super) fn new(held: &Arc<Held>, terms: Terms, settings: &Settings) -> Self {
        let (label, value_fn) = (None, None);
        let settings = Settings {
            extend_tries: 1,
            delay: Delay::DEFAULT,
            deadline: None,
            label,
            value_fn,
            ..settings.clone()
        };
        Self { held: Arc::clone(held), terms, settings }
    }

    /// When to extend the lock next, not before `earliest`; `None` when there is no point in it any more.
    pub(super) fn due(&self, earliest: Moment) -> Option<Moment> {
        self.terms.due(&self.held, earliest)
    }

    /// Starts to extend the lock.
    pub(super) fn extension(&self, world: &Arc<World>) -> Drive<Extend<Generator>> {
        let target = self.held.to_extend(world.all_nodes(), self.settings.revive);
        world.extend_held(&self.held, &self.settings, target, world.runtime.now())
    }

    /// Starts to set the key anew at `nodes`, where it was found missing while a quorum has it; `None` where that must
    /// not be done. The result says nothing.
    ///
    /// An extension that did so in one round could not tell a node that missed the lock from a lock that somebody
    /// has ended, and would bring it back.
    pub(super) fn filling(&self, world: &Arc<World>, nodes: NodeSet) -> Option<Drive<Extend<Generator>>> {
        let now = world.runtime.now();
        let target = self.held.to_fill(nodes).filter(|target| target.valid_until > Some(now))?;
        let settings = Settings { revive: true, ..self.settings.clone() };
        Some(world.extend_held(&self.held, &settings, target, now))
    }
}
