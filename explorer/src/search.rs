//! [`Search`]: what is searched, and within which bounds.

use std::time::Duration;

use redsync_core::{Ttl, machine::Quorum};

/// How many nodes there are.
pub const NODES: usize = 3;

/// What a client does in its life, and what may happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// How many nodes have to grant.
    pub quorum: Quorum,
    /// Whether it adopts the lock from the token, or takes it.
    pub adopts: bool,
    /// How often it tries to hand back what it has adopted.
    pub hand_backs: u8,
    /// The rounds of each time it hands back.
    pub hand_back_tries: u32,
    /// How often it tries to hand over what it has taken, for the double of the TTL.
    pub hand_overs: u8,
    /// Whether it leaves what it holds to its TTL, or releases it.
    pub leaves: bool,
    /// How often it may stop for good.
    pub crashes: u8,
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
            adopts: false,
            hand_backs: 0,
            hand_back_tries: 1,
            hand_overs: 0,
            leaves: false,
            crashes: 0,
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

    /// Adopts the lock in one round and gives it back.
    pub fn adopter() -> Self {
        Self { adopts: true, ..Self::once() }
    }
}

/// A lock that was handed over before the search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The nodes where its value stands.
    pub stands: [bool; NODES],
    /// Where the counters stand, if there are fencing numbers. The token's is the first of them.
    pub counters: [u8; NODES],
}

impl Token {
    /// Stands at every node.
    pub const EVERYWHERE: Self = Self { stands: [true; NODES], counters: [1; NODES] };
    /// Stands at no more than a quorum. A node without it has drawn a higher number before.
    pub const BARE: Self = Self { stands: [true, true, false], counters: [1, 1, 2] };
}

/// When keys end, where there are no ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysEnd {
    /// Never.
    Never,
    /// At any time after the validity of their lock.
    PastValidity,
    /// At any time, whatever clients think of their locks: nothing is left to go by but fencing numbers.
    AnyTime,
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
    /// The lock that can be adopted.
    pub token: Option<Token>,
    /// Whether locks have fencing numbers.
    pub fenced: bool,
    /// When keys end, where there are no ticks.
    pub keys_end: KeysEnd,
    /// A node that never answers, while time-outs wait for all the others and every call has to succeed.
    pub hung_node: Option<u8>,
    /// Whether it is small enough to be run for every mutant.
    pub quick: bool,
}

impl Search {
    /// A tick: long against the drift allowance of a TTL of a few ticks.
    pub(crate) const TICK: Duration = Duration::from_secs(1);
    /// A TTL that never ends.
    pub(crate) const ENDLESS: Duration = Duration::from_secs(1 << 40);
    /// Waits of at least this length never end either.
    pub(crate) const NEVER: Duration = Duration::from_secs(1 << 30);

    /// The TTL of all keys.
    pub(crate) fn ttl(&self) -> Duration {
        match self.time {
            Time::Endless => Self::ENDLESS,
            Time::Ticks { ttl, .. } => Self::TICK * u32::from(ttl),
        }
    }

    /// So many ticks; the most that can be counted never end.
    pub(crate) fn lasting(ticks: u8) -> Duration {
        if ticks == u8::MAX { Self::ENDLESS } else { Self::TICK * u32::from(ticks) }
    }

    /// In ticks, as far as there are any.
    pub(crate) fn ticks(&self, ttl: Ttl) -> u8 {
        match self.time {
            Time::Endless => 0,
            Time::Ticks { .. } => u8::try_from(ttl.as_duration().as_secs()).unwrap_or(u8::MAX),
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
