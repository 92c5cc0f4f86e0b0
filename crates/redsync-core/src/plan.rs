//! From the settings of a lock to a running machine.

use std::sync::Arc;

use crate::{
    Moment,
    drive::Drive,
    machine::{Acquire, AcquirePlan, Extend, ExtendPlan, Release, ReleasePlan},
    options::Settings,
    redsync::World,
    source::Generator,
    target::Target,
};

impl World {
    /// Starts to take the lock called `name`.
    pub(crate) fn acquire(self: &Arc<Self>, name: &Arc<str>, settings: &Settings) -> Drive<Acquire> {
        let now = self.runtime.now();
        let plan = AcquirePlan {
            quorum: self.quorum,
            ttl: settings.ttl,
            drift: settings.drift,
            node_timeout: settings.node_timeout,
            tries: settings.tries,
            delay: settings.delay.clone(),
            deadline: settings.deadline.map(|deadline| now.plus(deadline)),
            wait_for_all: settings.wait_for_all,
            exact: settings.exact.clone(),
            source_is_fresh: settings.value_fn.is_none(),
            may_repeat: self.may_repeat,
            shuffle: settings.shuffle,
        };
        let (label, value_fn) = (settings.label.clone(), settings.value_fn.clone());
        let source = Generator { label, value_fn, ..self.generator(name) };
        Drive::new(Arc::clone(self), Arc::clone(name), Acquire::new(plan, Box::new(source), now))
    }

    /// Starts to extend the lock called `name`, for a call that began at `begun`.
    pub(crate) fn extend(
        self: &Arc<Self>,
        name: &Arc<str>,
        settings: &Settings,
        target: Target,
        begun: Moment,
    ) -> Drive<Extend> {
        let plan = ExtendPlan {
            quorum: self.quorum,
            value: target.value,
            exact: target.exact,
            asked: target.nodes,
            ttl: settings.ttl,
            revive: settings.revive,
            may_repeat: self.may_repeat,
            drift: settings.drift,
            node_timeout: settings.node_timeout,
            tries: settings.extend_tries,
            delay: settings.delay.clone(),
            deadline: settings.deadline.map(|deadline| begun.plus(deadline)),
            valid_until: target.valid_until,
        };
        let machine: Extend = Extend::new(plan, Box::new(self.generator(name)), self.runtime.now());
        Drive::new(Arc::clone(self), Arc::clone(name), machine)
    }

    /// Starts to release the lock called `name`.
    pub(crate) fn release(
        self: &Arc<Self>,
        name: &Arc<str>,
        settings: &Settings,
        target: Target,
    ) -> Drive<Release> {
        let now = self.runtime.now();
        let plan = ReleasePlan {
            quorum: self.quorum,
            resend: target.resend(settings.node_timeout),
            value: target.value,
            exact: target.exact,
            asked: target.nodes,
            may_be_deleted: self.may_repeat.union(target.may_be_deleted),
            ttl: settings.ttl,
            node_timeout: settings.node_timeout,
            tries: settings.release_tries,
            delay: settings.delay.clone(),
            deadline: settings.deadline.map(|deadline| now.plus(deadline)),
        };
        let machine: Release = Release::new(plan, Box::new(self.generator(name)), now);
        Drive::new(Arc::clone(self), Arc::clone(name), machine)
    }
}
