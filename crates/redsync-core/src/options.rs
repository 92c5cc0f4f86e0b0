//! Options of a lock: as they are set, and as they are checked.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use crate::{Delay, TokenError, Ttl, Value, machine::Drift};

/// An option that cannot be, with the offending number. Nothing was sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOption {
    /// There are no nodes.
    #[error("no nodes: a lock needs at least one")]
    NoNodes,
    /// There are more nodes than a quorum can have.
    #[error("{0} nodes: a quorum has at most 64; Redlock is used with 3 to 7")]
    TooManyNodes(usize),
    /// The quorum is no majority of the nodes, or more than there are.
    #[error("a quorum of {needed} of {nodes} nodes: it must be a majority, and at most all of them")]
    Quorum {
        /// How many were to be needed.
        needed: usize,
        /// Of how many.
        nodes: usize,
    },
    /// The lock's name is empty.
    #[error("an empty name: the name is the key in Redis")]
    EmptyName,
    /// The fixed value or the label is empty.
    #[error("an empty value: anybody could release the lock with it")]
    EmptyValue,
    /// The call carries a lock on by its value, but none was set.
    #[error("no value: say which lock it is with `with_value`")]
    NoValue,
    /// The TTL is zero or beyond what Redis can count.
    #[error("a TTL of {0:?}: it must be from 1 ms to 146 million years")]
    Ttl(Duration),
    /// Nothing would be left of the TTL by the time that the nodes have to answer.
    #[error(
        "a TTL of {ttl:?} leaves {validity:?} of validity, and the nodes have {node_timeout:?} to answer: \
         lengthen the TTL or shorten the node time-out"
    )]
    TtlTooShort {
        /// The TTL.
        ttl: Duration,
        /// What is left of it after drift.
        validity: Duration,
        /// The time that the nodes have to answer.
        node_timeout: Duration,
    },
    /// The drift factor is not from 0 to less than 1.
    #[error("a drift factor of {0}: it must be from 0 to less than 1")]
    DriftFactor(f64),
    /// The time-out factor is not above 0 and at most 1.
    #[error("a time-out factor of {0}: it must be above 0 and at most 1")]
    TimeoutFactor(f64),
    /// The node time-out is zero.
    #[error("a node time-out of zero: no node could ever answer")]
    NodeTimeout,
    /// The number of tries is zero.
    #[error("zero {0}: the first one counts, so at least 1")]
    Tries(&'static str),
    /// The retry delay's least is above its most.
    #[error("a retry delay from {least:?} to {most:?}: the least is above the most")]
    RetryDelay {
        /// The least.
        least: Duration,
        /// The most.
        most: Duration,
    },
    /// The lock is to have fencing numbers, and its name leaves no room for their counter in the same hash slot of a
    /// cluster.
    #[error(
        "the name {0:?} of a lock with fencing numbers: a name with a `}}` needs a hash tag such as `{{tenant}}:42`"
    )]
    FencedName(Arc<str>),
    /// The wait of a hand-over is zero, or beyond what Redis can count.
    #[error("a wait of {0:?} for a lock that is handed over: it must be from 1 ms to 146 million years")]
    Wait(Duration),
    /// The lock has no token that could be sent.
    #[error("a lock that cannot be handed over: {0}")]
    Token(#[source] TokenError),
    /// The token is of another lock, or not of the one that the guard was adopted from.
    #[error(
        "a token of the lock {token:?} for the lock {name:?}: a guard goes back to the token that it came from"
    )]
    OtherToken {
        /// Which lock the token is of.
        token: Arc<str>,
        /// Which lock is meant.
        name: Arc<str>,
    },
    /// The lock of the token was taken on another number of nodes.
    #[error(
        "a token of a lock on {token} nodes, where there are {nodes}: everyone has to use the same nodes"
    )]
    TokenNodes {
        /// On how many it was taken.
        token: usize,
        /// How many there are here.
        nodes: usize,
    },
    /// The deadline is zero.
    #[error("a deadline of zero: the call could not even begin")]
    Deadline,
    /// The limit for the time that the lock is held is zero.
    #[error("a limit of zero for holding the lock: it would be over when it is taken")]
    MaxHold,
    /// The margin at which a loss is told leaves nothing of the validity.
    #[error(
        "a loss margin of {margin:?} leaves nothing of the {validity:?} that a TTL of {ttl:?} is valid: \
         shorten the margin or lengthen the TTL"
    )]
    LossMargin {
        /// The margin.
        margin: Duration,
        /// What is left of the TTL after drift.
        validity: Duration,
        /// The TTL.
        ttl: Duration,
    },
}

pub(crate) type ValueFn = Arc<dyn Fn() -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync>;

/// Options as they are set: anything goes.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) ttl: Duration,
    pub(crate) drift_factor: f64,
    pub(crate) timeout: NodeTimeout,
    pub(crate) tries: u32,
    pub(crate) extend_tries: u32,
    pub(crate) release_tries: u32,
    pub(crate) delay: Delay,
    pub(crate) deadline: Option<Duration>,
    pub(crate) wait_for_all: bool,
    pub(crate) shuffle: bool,
    pub(crate) revive: bool,
    pub(crate) fenced: bool,
    pub(crate) auto_extend: bool,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) loss_margin: Option<Duration>,
    pub(crate) exact: Option<Value>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) value_fn: Option<ValueFn>,
}

#[derive(Clone, Copy)]
pub(crate) enum NodeTimeout {
    /// This part of the TTL, but at most [`LONGEST_DEFAULT_TIMEOUT`].
    Default,
    /// This part of the TTL.
    Factor(f64),
    Fixed(Duration),
}

/// redsync's time-out factor.
const DEFAULT_TIMEOUT_FACTOR: f64 = 0.05;
/// A lock with a TTL of minutes should not wait for a dead node in proportion.
const LONGEST_DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

impl Default for Options {
    /// redsync v4's defaults where it has one. It has none for the tries of extend and release: three
    /// outlast a lost connection, and end long before the TTL does the same by itself.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(8),
            drift_factor: 0.01,
            timeout: NodeTimeout::Default,
            tries: 32,
            extend_tries: 3,
            release_tries: 3,
            delay: Delay::DEFAULT,
            deadline: None,
            wait_for_all: false,
            shuffle: false,
            revive: false,
            fenced: false,
            auto_extend: false,
            max_hold: None,
            loss_margin: None,
            exact: None,
            label: None,
            value_fn: None,
        }
    }
}

/// Options that were found to make sense.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) ttl: Ttl,
    pub(crate) drift: Drift,
    pub(crate) node_timeout: Duration,
    pub(crate) tries: u32,
    pub(crate) extend_tries: u32,
    pub(crate) release_tries: u32,
    pub(crate) delay: Delay,
    pub(crate) deadline: Option<Duration>,
    pub(crate) wait_for_all: bool,
    pub(crate) shuffle: bool,
    pub(crate) revive: bool,
    pub(crate) fenced: bool,
    pub(crate) auto_extend: bool,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) loss_margin: Duration,
    pub(crate) exact: Option<Value>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) value_fn: Option<ValueFn>,
}

impl Options {
    pub(crate) fn check(&self) -> Result<Settings, InvalidOption> {
        let ttl = Ttl::new(self.ttl).ok_or(InvalidOption::Ttl(self.ttl))?;
        let drift = Drift::new(self.drift_factor).ok_or(InvalidOption::DriftFactor(self.drift_factor))?;
        let node_timeout = self.timeout.of(ttl)?;
        let validity = drift.validity(ttl);
        if validity <= node_timeout {
            return Err(InvalidOption::TtlTooShort { ttl: self.ttl, validity, node_timeout });
        }
        let loss_margin = self.check_loss_margin(ttl, validity)?;
        self.check_tries()?;
        self.check_delay()?;
        self.check_value()?;
        Ok(Settings {
            ttl,
            drift,
            node_timeout,
            tries: self.tries,
            extend_tries: self.extend_tries,
            release_tries: self.release_tries,
            delay: self.delay.clone(),
            deadline: self.deadline,
            wait_for_all: self.wait_for_all,
            shuffle: self.shuffle,
            revive: self.revive,
            fenced: self.fenced,
            auto_extend: self.auto_extend,
            max_hold: self.max_hold,
            loss_margin,
            exact: self.exact.clone(),
            label: self.label.clone(),
            value_fn: self.value_fn.clone(),
        })
    }

    fn check_tries(&self) -> Result<(), InvalidOption> {
        let counts = [
            ("tries", self.tries),
            ("tries to extend", self.extend_tries),
            ("tries to release", self.release_tries),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((what, _)) => Err(InvalidOption::Tries(what)),
            None if self.deadline == Some(Duration::ZERO) => Err(InvalidOption::Deadline),
            None if self.max_hold == Some(Duration::ZERO) => Err(InvalidOption::MaxHold),
            None => Ok(()),
        }
    }

    /// The default stays below the validity whatever the drift factor is.
    fn check_loss_margin(&self, ttl: Ttl, validity: Duration) -> Result<Duration, InvalidOption> {
        match self.loss_margin {
            Some(margin) if margin < validity => Ok(margin),
            Some(margin) => Err(InvalidOption::LossMargin { margin, validity, ttl: self.ttl }),
            None => Ok(NodeTimeout::Default.of(ttl)?.min(validity / 2)),
        }
    }

    fn check_delay(&self) -> Result<(), InvalidOption> {
        match self.delay {
            Delay::Between(least, most) if least > most => Err(InvalidOption::RetryDelay { least, most }),
            Delay::Backoff { first, limit } if first > limit => {
                Err(InvalidOption::RetryDelay { least: first, most: limit })
            }
            Delay::Between(..) | Delay::Backoff { .. } | Delay::Constant(_) | Delay::By(_) => Ok(()),
        }
    }

    fn check_value(&self) -> Result<(), InvalidOption> {
        let label = self.label.as_deref();
        let texts = [self.exact.as_ref().map(Value::as_str), label];
        if texts.into_iter().flatten().any(str::is_empty) { Err(InvalidOption::EmptyValue) } else { Ok(()) }
    }
}

impl NodeTimeout {
    fn of(self, ttl: Ttl) -> Result<Duration, InvalidOption> {
        let part = |factor: f64| ttl.as_duration().mul_f64(factor);
        let timeout = match self {
            Self::Default => part(DEFAULT_TIMEOUT_FACTOR).min(LONGEST_DEFAULT_TIMEOUT),
            Self::Factor(factor) if factor > 0.0 && factor <= 1.0 => part(factor),
            Self::Factor(factor) => return Err(InvalidOption::TimeoutFactor(factor)),
            Self::Fixed(timeout) => timeout,
        };
        if timeout.is_zero() { Err(InvalidOption::NodeTimeout) } else { Ok(timeout) }
    }
}
