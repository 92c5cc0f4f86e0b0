//! [`Lease`]: what a won round grants, and how long it may be relied on.

use std::time::Duration;

use super::NodeSet;
use crate::{Moment, Ttl, Value};

/// What a won [`Acquire`](super::Acquire) grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What stands at the key.
    pub value: Value,
    /// Whether rivals may use the same value: it was fixed by the caller, or its generator repeats itself.
    pub exact: bool,
    /// Until when nobody else can hold the lock.
    pub valid_until: Moment,
    /// The nodes that certainly hold the value.
    pub held: NodeSet,
    /// The nodes that certainly do not.
    pub absent: NodeSet,
    /// Greater than that of every earlier holder, where one was asked for.
    pub fence: Option<u64>,
}

/// The part of a TTL that clocks may differ by: finite, from 0 to less than 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift(f64);

impl Drift {
    /// What Redlock's page and redsync use: 0.01.
    pub const DEFAULT: Self = Self(0.01);

    /// Taken off beside the factor, for the precision of Redis' expiry (1 ms) and for the least drift of
    /// short TTLs; from the Ruby and Go implementations of Redlock.
    const FIXED: Duration = Duration::from_millis(2);

    /// `None` unless the factor is finite and from 0 to less than 1.
    pub fn new(factor: f64) -> Option<Self> {
        (0.0..1.0).contains(&factor).then_some(Self(factor))
    }

    /// The least TTL that leaves so much validity; `None` when there is none.
    pub fn ttl_for(self, validity: Duration) -> Option<Ttl> {
        let millis = validity.saturating_add(Self::FIXED).as_secs_f64() * 1000.0 / (1.0 - self.0);
        let ttl = Ttl::new(Duration::try_from_secs_f64(millis.ceil() / 1000.0).ok()?)?;
        // What comes of rounding is less than a millisecond.
        if self.validity(ttl) >= validity { Some(ttl) } else { ttl.plus_one() }
    }

    /// How long a lock with this TTL may be relied on, from the moment of sending.
    pub fn validity(self, ttl: Ttl) -> Duration {
        let ttl = ttl.as_duration();
        // The product is finite and not negative, and a longest TTL is far below what a `Duration` holds.
        ttl.saturating_sub(ttl.mul_f64(self.0)).saturating_sub(Self::FIXED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_is_the_ttl_less_drift_and_two_milliseconds() {
        let ttl = |millis| Ttl::new(Duration::from_millis(millis)).expect("in range");
        for (millis, factor, expected) in [(8000, 0.01, 7918), (1000, 0.0, 998), (2, 0.01, 0), (1, 0.5, 0)] {
            let validity = Drift::new(factor).expect("in range").validity(ttl(millis));
            assert_eq!(validity.as_millis(), expected, "{millis} ms, {factor}");
        }
        assert!(Drift::DEFAULT.validity(ttl(Ttl::MAX_MILLIS)) > Duration::from_secs(1 << 50));
    }

    #[test]
    fn a_validity_has_a_least_ttl() {
        for (millis, factor) in
            [(1, 0.0), (8000, 0.01), (600_000, 0.01), (12_345, 0.333), (7, 0.99), (86_400_000, 0.02)]
        {
            let (validity, drift) = (Duration::from_millis(millis), Drift::new(factor).expect("in range"));
            let ttl = drift.ttl_for(validity).expect("in range");
            assert!(drift.validity(ttl) >= validity, "{millis} ms, {factor}");
            let shorter = Ttl::new(ttl.as_duration() - Duration::from_millis(2)).expect("in range");
            assert!(drift.validity(shorter) < validity, "{millis} ms, {factor}");
        }
        assert_eq!(Drift::DEFAULT.ttl_for(Duration::MAX), None);
    }

    #[test]
    fn factors_that_are_no_fraction_are_refused() {
        for factor in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.01, 1.0, 2.0] {
            assert_eq!(Drift::new(factor), None, "{factor}");
        }
    }
}
