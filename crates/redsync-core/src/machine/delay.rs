//! [`Delay`]: how long to wait between two tries.

use std::{fmt, sync::Arc, time::Duration};

/// The time between two tries.
#[derive(Clone)]
pub enum Delay {
    /// Always the same.
    Constant(Duration),
    /// Evenly distributed between two durations. Jitter keeps rivals that lost to each other from meeting
    /// again in step.
    Between(Duration, Duration),
    /// Evenly distributed between half of a duration and the whole, where that doubles with each try.
    Backoff {
        /// The longest delay after the first try.
        first: Duration,
        /// The longest delay after any.
        limit: Duration,
    },
    /// By a function of the number of tries made so far, from 1.
    By(Arc<dyn Fn(u32) -> Duration + Send + Sync>),
}

impl Delay {
    /// Between 50 and 250 ms, as redsync v4 has it.
    pub const DEFAULT: Self = Self::Between(Duration::from_millis(50), Duration::from_millis(250));

    /// By a function of the number of tries made so far, from 1.
    pub fn by(function: impl Fn(u32) -> Duration + Send + Sync + 'static) -> Self {
        Self::By(Arc::new(function))
    }

    /// The delay after `tries` tries (from 1), by 64 random bits.
    pub fn after(&self, tries: u32, random: u64) -> Duration {
        match self {
            Self::Constant(delay) => *delay,
            Self::Between(least, most) => between(*least, *most, random),
            Self::Backoff { first, limit } => {
                let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
                let most = first.saturating_mul(doubled).min(*limit);
                between(most / 2, most, random)
            }
            Self::By(function) => function(tries),
        }
    }
}

impl From<Duration> for Delay {
    fn from(delay: Duration) -> Self {
        Self::Constant(delay)
    }
}

impl fmt::Debug for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(delay) => f.debug_tuple("Constant").field(delay).finish(),
            Self::Between(least, most) => f.debug_tuple("Between").field(least).field(most).finish(),
            Self::Backoff { first, limit } => f.debug_tuple("Backoff").field(first).field(limit).finish(),
            Self::By(_) => f.write_str("By(..)"),
        }
    }
}

fn between(least: Duration, most: Duration, random: u64) -> Duration {
    let width = most.saturating_sub(least);
    // 32 bits of the random number as a fraction: finer than any timer.
    let fraction = f64::from((random >> 32) as u32) / f64::from(u32::MAX);
    least.saturating_add(Duration::try_from_secs_f64(width.as_secs_f64() * fraction).unwrap_or(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn delays_reach_from_the_least_to_the_most() {
        let backoff = Delay::Backoff { first: ms(100), limit: ms(300) };
        for (delay, tries, least, most) in [
            (Delay::Constant(ms(7)), 9, ms(7), ms(7)),
            (Delay::DEFAULT, 1, ms(50), ms(250)),
            (backoff.clone(), 1, ms(50), ms(100)),
            (backoff.clone(), 2, ms(100), ms(200)),
            (backoff, u32::MAX, ms(150), ms(300)),
            (Delay::By(Arc::new(|tries| ms(u64::from(tries)))), 5, ms(5), ms(5)),
            (Delay::Between(Duration::MAX, Duration::MAX), 1, Duration::MAX, Duration::MAX),
            (Delay::Between(Duration::ZERO, Duration::MAX), 1, Duration::ZERO, Duration::MAX),
        ] {
            assert_eq!(delay.after(tries, 0), least, "{delay:?} least");
            assert_eq!(delay.after(tries, u64::MAX), most, "{delay:?} most");
        }
    }
}
