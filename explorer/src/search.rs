//! [`Search`]: what is searched, and within which bounds.

use std::time::Duration;

use redsync_core::machine::Quorum;

/// How many nodes there are.
pub const NODES: usize = 3;

/// What a client does in its life, and what may happen to it.
#[derive(Clone, Debug)]
pub struct Role {
    /// How many nodes have to grant.
    pub quorum: Quorum,
    /// Whether it uses the value that all such clients share, or a fresh one for each round.
    pub exact: bool,
    /// How often it takes the lock.
    pub calls: u8,
    /// The rounds of each such call; at most three.
    pub tries: u32,
    /// How often it extends what it holds.
    pub extends: u8,
    /// The rounds of each extension.
    pub extend_tries: u32,
    /// The rounds of each release.
    pub release_tries: u32,
    /// How many of its calls may be cancelled, or guards dropped.
    pub cancels: u8,
    /// Whether an extension sets missing keys anew.
    pub revive: bool,
    /// Whether rounds wait for every node.
    pub wait_for_all: bool,
    /// Whether its time-outs come only when nothing of its own is on its way, as on a network that is quick enough.
    pub patient: bool,
}

impl Role {
    /// Takes the lock in one round and gives it back.
    #[expect(clippy::expect_used, reason = "three nodes have a majority")]
    pub fn once() -> Self {
        Self {
            quorum: Quorum::majority(NODES).expect("a majority"),
            exact: false,
            calls: 1,
            tries: 1,
            extends: 0,
            extend_tries: 1,
            release_tries: 1,
            cancels: 0,
            revive: false,
            wait_for_all: false,
            patient: true,
        }
    }
}

/// How time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// A TTL never ends. Time-outs fire at any time, for each client by itself.
    Endless,
    /// A clock for all in ticks; keys end at their TTL and guards with their validity. Time-outs fire at their tick or
    /// at any later one, as in a process that was stopped.
    Ticks {
        /// The last tick.
        last: u8,
        /// The TTL in ticks.
        ttl: u8,
        /// For how many ticks a delete of the fixed value can be on its way before it is lost: an assumption that the
        /// rules for fixed values rest on. Other requests have no such limit.
        exact_deletes_arrive_within: u8,
    },
}

/// Which faults can happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many in all.
    pub most: u8,
    /// A request is given up by its client, and executed at any time or never.
    pub unknown: bool,
    /// A request certainly does not reach its node.
    pub failed: bool,
}

impl Faults {
    /// None at all.
    pub const NONE: Self = Self { most: 0, unknown: false, failed: false };
}

/// A space of states, with what must hold in it.
#[derive(Clone, Debug)]
pub struct Search {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it covers, in a sentence.
    pub about: &'static str,
    /// The clients.
    pub roles: Vec<Role>,
    /// Which faults can happen.
    pub faults: Faults,
    /// How time goes.
    pub time: Time,
    /// A node that never answers, while time-outs wait for all the others and every call has to succeed.
    pub hung_node: Option<u8>,
    /// Whether it is small enough to be run for every mutant.
    pub quick: bool,
}

impl Search {
    /// A tick: long against the drift allowance of a TTL of a few ticks.
    pub(crate) const TICK: Duration = Duration::from_secs(1);
    /// A TTL that never ends.
    const ENDLESS: Duration = Duration::from_secs(1 << 40);
    /// Waits of at least this length never end either.
    pub(crate) const NEVER: Duration = Duration::from_secs(1 << 30);

    /// The TTL of all keys.
    pub(crate) fn ttl(&self) -> Duration {
        match self.time {
            Time::Endless => Self::ENDLESS,
            Time::Ticks { ttl, .. } => Self::TICK * u32::from(ttl),
        }
    }

    /// Without ticks a time-out comes at any time, and so needs no length.
    pub(crate) fn node_timeout(&self) -> Duration {
        match self.time {
            Time::Endless => Duration::ZERO,
            Time::Ticks { .. } => Self::TICK / 2,
        }
    }
}
