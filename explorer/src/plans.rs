//! The machines' plans, as the façade makes them from a lock's settings.

use redsync_core::{
    Delay, Moment, Ttl, Value,
    machine::{AcquirePlan, Drift, ExtendPlan, NodeSet, ReleasePlan, Resend, TransferPlan},
    wire::Counting,
};

use crate::{
    search::{NODES, Role, Search},
    target::Target,
};

/// The value that clients with a fixed value share.
pub(crate) const EXACT: &str = "x";

/// The value that the token has.
pub(crate) const HANDED_OVER: &str = "t";

fn ttl(search: &Search) -> Ttl {
    lasting(search.ttl())
}

#[expect(clippy::expect_used, reason = "every search has a TTL that can be")]
fn lasting(ttl: std::time::Duration) -> Ttl {
    Ttl::new(ttl).expect("a TTL in range")
}

/// The counters alone decide.
fn proposal(search: &Search) -> Option<u64> {
    search.fenced.then_some(0)
}

const DELAY: Delay = Delay::Constant(std::time::Duration::ZERO);

pub(crate) fn acquire(search: &Search, role: &Role) -> AcquirePlan {
    AcquirePlan {
        proposal: proposal(search),
        quorum: role.quorum,
        ttl: ttl(search),
        drift: Drift::DEFAULT,
        node_timeout: search.node_timeout(),
        tries: role.tries,
        delay: DELAY,
        deadline: None,
        wait_for_all: role.wait_for_all,
        exact: role.exact.then(|| Value::new(EXACT)),
        source_is_fresh: true,
        may_repeat: NodeSet::EMPTY,
        shuffle: false,
    }
}

pub(crate) fn extend(search: &Search, role: &Role, target: Target) -> ExtendPlan {
    ExtendPlan {
        former: target.former,
        fence: target.fence,
        wait_for_all: false,
        quorum: role.quorum,
        value: target.value,
        exact: target.exact,
        asked: target.nodes,
        ttl: ttl(search),
        revive: role.revive,
        fills: false,
        refilled: target.refilled,
        may_repeat: NodeSet::EMPTY,
        drift: Drift::DEFAULT,
        node_timeout: search.node_timeout(),
        tries: role.extend_tries,
        delay: DELAY,
        deadline: None,
        valid_until: target.valid_until,
    }
}

pub(crate) fn hand_over(search: &Search, role: &Role, target: Target) -> ExtendPlan {
    ExtendPlan {
        ttl: wait(search),
        revive: false,
        fills: true,
        wait_for_all: true,
        ..extend(search, role, target)
    }
}

pub(crate) fn release(search: &Search, role: &Role, target: Target) -> ReleasePlan {
    let lasting = target.lasts.or(target.former_lasts);
    ReleasePlan {
        quorum: role.quorum,
        resend: target.resend(search.node_timeout()),
        former: target.former_until(search.node_timeout()),
        value: target.value,
        exact: target.exact,
        asked: target.nodes,
        may_be_deleted: target.may_be_deleted,
        ttl: ttl(search),
        refilled: target.refilled,
        lasting: lasting.nodes,
        lasts_until: lasting.until,
        node_timeout: search.node_timeout(),
        tries: role.release_tries,
        delay: DELAY,
        deadline: None,
    }
}

pub(crate) fn adopt(search: &Search, role: &Role) -> TransferPlan {
    TransferPlan {
        quorum: role.quorum,
        from: token(),
        exact: false,
        resend: Resend::FRESH,
        asked: all_nodes(),
        refilled: NodeSet::EMPTY,
        to: None,
        ttl: ttl(search),
        full: endless(),
        counting: proposal(search).map_or(Counting::Off, Counting::Draw),
        drift: Drift::DEFAULT,
        node_timeout: search.node_timeout(),
        tries: role.tries,
        delay: DELAY,
        deadline: None,
    }
}

pub(crate) fn hand_back(search: &Search, role: &Role, target: Target, now: Moment) -> TransferPlan {
    TransferPlan {
        full: target.ttl_left(ttl(search), now),
        resend: target.resend(search.node_timeout()),
        from: target.value,
        exact: target.exact,
        asked: target.nodes,
        refilled: target.refilled,
        to: Some(token()),
        ttl: endless(),
        counting: proposal(search).map_or(Counting::Off, |_| Counting::Keep),
        tries: role.hand_back_tries,
        ..adopt(search, role)
    }
}

/// How long a token waits that a client hands over.
pub(crate) fn wait(search: &Search) -> Ttl {
    lasting(search.ttl() * 2)
}

/// How long the token waits that there is from the beginning.
pub(crate) fn endless() -> Ttl {
    lasting(Search::ENDLESS)
}

/// The token's value.
pub(crate) fn token() -> Value {
    Value::new(HANDED_OVER)
}

pub(crate) fn all_nodes() -> NodeSet {
    NodeSet::first(NODES)
}
