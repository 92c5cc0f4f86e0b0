//! The machines' plans, as the façade makes them from a lock's settings.

use redsync_core::{
    Delay, Ttl, Value,
    machine::{AcquirePlan, Drift, ExtendPlan, NodeSet, ReleasePlan},
};

use crate::{
    search::{NODES, Role, Search},
    target::Target,
};

/// The value that clients with a fixed value share.
pub(crate) const EXACT: &str = "x";

#[expect(clippy::expect_used, reason = "every search has a TTL that can be")]
fn ttl(search: &Search) -> Ttl {
    Ttl::new(search.ttl()).expect("a TTL in range")
}

const DELAY: Delay = Delay::Constant(std::time::Duration::ZERO);

pub(crate) fn acquire(search: &Search, role: &Role) -> AcquirePlan {
    AcquirePlan {
        proposal: None,
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
        may_repeat: NodeSet::EMPTY,
        drift: Drift::DEFAULT,
        node_timeout: search.node_timeout(),
        tries: role.extend_tries,
        delay: DELAY,
        deadline: None,
        valid_until: target.valid_until,
    }
}

pub(crate) fn release(search: &Search, role: &Role, target: Target) -> ReleasePlan {
    ReleasePlan {
        quorum: role.quorum,
        resend: target.resend(search.node_timeout()),
        former: target.former,
        value: target.value,
        exact: target.exact,
        asked: target.nodes,
        may_be_deleted: target.may_be_deleted,
        ttl: ttl(search),
        node_timeout: search.node_timeout(),
        tries: role.release_tries,
        delay: DELAY,
        deadline: None,
    }
}

pub(crate) fn all_nodes() -> NodeSet {
    NodeSet::first(NODES)
}
