//! [`Target`]: the lock that an extension or a release is for.

use std::time::Duration;

use crate::{
    Moment, Ttl, Value,
    machine::{Former, NodeSet, Resend},
};

/// What is known of a lock that is to be extended or released.
pub(crate) struct Target {
    pub(crate) value: Value,
    /// Whether rivals may use the same value.
    pub(crate) exact: bool,
    /// The value that it was adopted from, where that may still stand.
    pub(crate) former: Option<Value>,
    /// Where that may stand for longer than the lock.
    pub(crate) former_lasts: Lasting,
    /// Where the value itself may.
    pub(crate) lasts: Lasting,
    /// Where it was found missing, and may have been set anew.
    pub(crate) refilled: NodeSet,
    /// Where the value may have been set anew by an extension.
    pub(crate) revivable: NodeSet,
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
    /// The number of what goes by this, among all that has been begun for the lock.
    pub(crate) number: u64,
}

/// Where keys may stand for longer than the TTL of a lock, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lasting {
    pub(crate) nodes: NodeSet,
    pub(crate) until: Moment,
}

impl Lasting {
    pub(crate) const NOWHERE: Self =
        Self { nodes: NodeSet::EMPTY, until: Moment::from_origin(Duration::ZERO) };

    pub(crate) fn without(self, nodes: NodeSet) -> Self {
        Self { nodes: self.nodes.without(nodes), ..self }
    }

    /// Where either may stand, and until when either may.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self.nodes.is_empty(), other.nodes.is_empty()) {
            (true, _) => other,
            (false, true) => self,
            (false, false) => {
                Self { nodes: self.nodes.union(other.nodes), until: self.until.max(other.until) }
            }
        }
    }
}

impl Target {
    /// A lock of which nothing is known but a value, which rivals may use too.
    pub(crate) fn of_value(value: Value, nodes: NodeSet) -> Self {
        Self {
            value,
            exact: true,
            former: None,
            former_lasts: Lasting::NOWHERE,
            lasts: Lasting::NOWHERE,
            refilled: NodeSet::EMPTY,
            revivable: NodeSet::EMPTY,
            fence: None,
            nodes,
            may_be_deleted: NodeSet::EMPTY,
            may_be_anothers: false,
            valid_until: None,
            number: 0,
        }
    }

    /// The same lock, to be released at `now`.
    ///
    /// When the validity is over, somebody else may have handed the lock back to the token that has the former value, also
    /// where that would have lasted: what is left of it ends with its TTL.
    pub(crate) fn at(self, now: Moment) -> Self {
        let is_ours = self.valid_until.is_some_and(|end| now < end);
        let former_lasts = if is_ours { self.former_lasts } else { Lasting::NOWHERE };
        Self { former_lasts, ..self }
    }

    /// How long it may stand from `now` on, where its own TTL is this.
    pub(crate) fn ttl_left(&self, ttl: Ttl, now: Moment) -> Ttl {
        Ttl::new(self.lasts.until.since(now)).map_or(ttl, |lasts| lasts.max(ttl))
    }

    /// The former value, as a release takes it along: one that is sent when the validity is almost over could arrive after
    /// it.
    pub(crate) fn former_until(&self, node_timeout: Duration) -> Option<Former> {
        // Where the adoption has come, the token's value stands again only if the lock was handed back.
        let end = self.valid_until.filter(|_| self.may_be_anothers).unwrap_or_default();
        let until = end.minus(node_timeout);
        self.former.clone().map(|value| Former { value, until, lasting: self.former_lasts.nodes })
    }

    /// What has been handed back to a token in vain, and stands there alone: where rivals may use the lock's own value, that
    /// is left alone wherever it may have been rotated.
    pub(crate) fn token_alone(&self, all: NodeSet) -> Option<Self> {
        let value = self.former.clone().filter(|_| self.exact)?;
        let valid_until = self.valid_until;
        Some(Self { valid_until, ..Self::of_value(value, all.without(self.nodes)) })
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
