//! [`Target`]: the lock that an extension or a release is for.

use std::time::Duration;

use crate::{
    Moment, Ttl, Value,
    machine::{NodeSet, Resend},
};

/// What is known of a lock that is to be extended or released.
pub(crate) struct Target {
    pub(crate) value: Value,
    /// Whether rivals may use the same value.
    pub(crate) exact: bool,
    /// The value that it was adopted from, where that may still stand.
    pub(crate) former: Option<Value>,
    /// The longest TTL that a key of it may have, where that is not the one in the settings.
    pub(crate) lasts: Option<Ttl>,
    /// Its fencing number.
    pub(crate) fence: Option<u64>,
    /// The nodes that may hold it.
    pub(crate) nodes: NodeSet,
    /// The nodes where an earlier release of ours may have deleted it: a missing key says nothing there.
    pub(crate) may_be_deleted: NodeSet,
    /// Whether somebody else may have adopted the lock: an earlier attempt to hand it back may have come through.
    pub(crate) may_be_anothers: bool,
    /// Until when nobody else can hold the lock; `None` when only its value is known.
    pub(crate) valid_until: Option<Moment>,
}

impl Target {
    /// The same lock, to be released at `now`.
    ///
    /// When the validity is over, somebody else may have handed the lock back to the token that has the former value: what
    /// is left of that ends with its TTL.
    pub(crate) fn at(self, now: Moment) -> Self {
        let is_ours = self.valid_until.is_some_and(|end| now < end);
        Self { former: self.former.filter(|_| is_ours), ..self }
    }

    /// When its delete may be sent.
    ///
    /// A delete that is sent when the validity is almost over could arrive after it.
    pub(crate) fn resend(&self, node_timeout: Duration) -> Resend {
        match (self.exact, self.valid_until) {
            (false, _) if self.may_be_anothers => Resend::GIVEN_BACK,
            (false, _) => Resend::FRESH,
            (true, Some(end)) => Resend::once_until(end.minus(node_timeout)),
            (true, None) => Resend::ONCE,
        }
    }
}
