//! From the settings of a lock to a running machine.

use std::{sync::Arc, time::SystemTime};

use crate::{
    LockToken, Moment,
    drive::Drive,
    held::Held,
    machine::{
        Acquire, AcquirePlan, Extend, ExtendPlan, NodeSet, Release, ReleasePlan, Resend, Transfer,
        TransferPlan,
    },
    options::Settings,
    redsync::World,
    source::Generator,
    target::Target,
    wire::Counting,
};

impl World {
    /// Starts at `now` to take the lock called `name`, with so many tries, for a call that began at `begun`.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        name: &Arc<str>,
        settings: &Settings,
        tries: u32,
        begun: Moment,
        now: Moment,
    ) -> Drive<Acquire<Generator>> {
        let plan = AcquirePlan {
            quorum: self.quorum,
            ttl: settings.ttl,
            drift: settings.drift,
            node_timeout: settings.node_timeout,
            tries,
            delay: settings.delay.clone(),
            deadline: settings.deadline.map(|deadline| begun.plus(deadline)),
            wait_for_all: settings.wait_for_all,
            exact: settings.exact.clone(),
            source_is_fresh: settings.value_fn.is_none(),
            may_repeat: self.may_repeat,
            shuffle: settings.shuffle,
            proposal: settings.fenced.then(|| self.proposal(0)),
        };
        let (label, value_fn) = (settings.label.clone(), settings.value_fn.clone());
        let source = Generator { label, value_fn, ..self.generator(name) };
        Drive::new(Arc::clone(self), Arc::clone(name), Acquire::new(plan, source, now))
    }

    /// Starts to extend the lock called `name`, for a call that began at `begun`.
    pub(crate) fn extend(
        self: &Arc<Self>,
        name: &Arc<str>,
        settings: &Settings,
        target: Target,
        begun: Moment,
    ) -> Drive<Extend<Generator>> {
        self.extend_by(name, self.extend_plan(settings, target, begun))
    }

    /// The same for a lock that this process holds, in step with it.
    pub(crate) fn extend_held(
        self: &Arc<Self>,
        held: &Arc<Held>,
        settings: &Settings,
        target: Target,
        begun: Moment,
    ) -> Drive<Extend<Generator>> {
        let number = target.number;
        let mut drive = self.extend(&held.name, settings, target, begun);
        drive.follow_as(number, Arc::clone(held));
        drive
    }

    pub(crate) fn extend_by(self: &Arc<Self>, name: &Arc<str>, plan: ExtendPlan) -> Drive<Extend<Generator>> {
        let machine = Extend::new(plan, self.generator(name), self.runtime.now());
        Drive::new(Arc::clone(self), Arc::clone(name), machine)
    }

    pub(crate) fn extend_plan(&self, settings: &Settings, target: Target, begun: Moment) -> ExtendPlan {
        ExtendPlan {
            quorum: self.quorum,
            value: target.value,
            exact: target.exact,
            former: target.former,
            fence: target.fence,
            asked: target.nodes,
            ttl: settings.ttl,
            revive: settings.revive,
            fills: false,
            refilled: target.refilled,
            wait_for_all: false,
            may_repeat: self.may_repeat,
            drift: settings.drift,
            node_timeout: settings.node_timeout,
            tries: settings.extend_tries,
            delay: settings.delay.clone(),
            deadline: settings.deadline.map(|deadline| begun.plus(deadline)),
            valid_until: target.valid_until,
        }
    }

    /// Starts at `now` to release the lock called `name`.
    pub(crate) fn release(
        self: &Arc<Self>,
        name: &Arc<str>,
        settings: &Settings,
        target: Target,
        now: Moment,
    ) -> Drive<Release<Generator>> {
        let lasting = target.lasts.or(target.former_lasts);
        let plan = ReleasePlan {
            quorum: self.quorum,
            resend: target.resend(settings.node_timeout),
            former: target.former_until(settings.node_timeout),
            value: target.value,
            exact: target.exact,
            asked: target.nodes,
            may_be_deleted: self.may_repeat.union(target.may_be_deleted),
            ttl: settings.ttl,
            refilled: target.refilled,
            lasting: lasting.nodes,
            lasts_until: lasting.until,
            node_timeout: settings.node_timeout,
            tries: settings.release_tries,
            delay: settings.delay.clone(),
            deadline: settings.deadline.map(|deadline| now.plus(deadline)),
        };
        let machine = Release::new(plan, self.generator(name), now);
        Drive::new(Arc::clone(self), Arc::clone(name), machine)
    }

    /// Starts to take the lock over from `token`.
    pub(crate) fn adopt(
        self: &Arc<Self>,
        token: &LockToken,
        settings: &Settings,
    ) -> Drive<Transfer<Generator>> {
        let now = self.runtime.now();
        let plan = TransferPlan {
            quorum: self.quorum,
            from: token.secret().clone(),
            exact: token.parts().exact,
            resend: Resend::FRESH,
            asked: self.all_nodes(),
            refilled: NodeSet::EMPTY,
            to: None,
            ttl: settings.ttl,
            full: token.parts().wait,
            counting: token.fence().map_or(Counting::Off, |fence| Counting::Draw(self.proposal(fence))),
            drift: settings.drift,
            node_timeout: settings.node_timeout,
            tries: settings.tries,
            delay: settings.delay.clone(),
            deadline: settings.deadline.map(|deadline| now.plus(deadline)),
        };
        self.transfer(token.shared_name(), plan, now)
    }

    /// Starts to rotate the lock back to the value of `token`.
    pub(crate) fn hand_back(
        self: &Arc<Self>,
        token: &LockToken,
        settings: &Settings,
        target: Target,
    ) -> Drive<Transfer<Generator>> {
        let now = self.runtime.now();
        let full = target.ttl_left(settings.ttl, now);
        let plan = TransferPlan {
            quorum: self.quorum,
            resend: target.resend(settings.node_timeout),
            from: target.value,
            exact: target.exact,
            asked: target.nodes,
            refilled: target.refilled,
            to: Some(token.secret().clone()),
            ttl: token.parts().wait,
            full,
            counting: Counting::keep(token.fence().or(target.fence).is_some()),
            drift: settings.drift,
            node_timeout: settings.node_timeout,
            tries: settings.release_tries,
            delay: settings.delay.clone(),
            deadline: settings.deadline.map(|deadline| now.plus(deadline)),
        };
        self.transfer(token.shared_name(), plan, now)
    }

    fn transfer(
        self: &Arc<Self>,
        name: &Arc<str>,
        plan: TransferPlan,
        now: Moment,
    ) -> Drive<Transfer<Generator>> {
        let machine = Transfer::new(plan, self.generator(name), now);
        Drive::new(Arc::clone(self), Arc::clone(name), machine)
    }

    /// When the wait of a token is over that begins, or is as good as used up, now.
    pub(crate) fn until_over(&self, token: &LockToken) -> Moment {
        self.runtime.now().plus(token.parts().wait.as_duration())
    }

    /// What to propose as a fencing number: the time in microseconds since 1970, or what comes after `last`.
    ///
    /// Nothing is decided by it that clocks could spoil: it is the counters that make numbers rise. A time is what they
    /// begin with, so that numbers rise even where a counter is lost.
    fn proposal(&self, last: u64) -> u64 {
        let since = self.runtime.wall_clock().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX).max(last.saturating_add(1))
    }
}
