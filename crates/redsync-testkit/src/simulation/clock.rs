//! [`Clock`]: one machine's own clock, which runs a little fast or slow.

use std::time::{Duration, SystemTime};

use redsync_core::{Moment, Runtime};

use crate::virtual_time::VirtualRuntime;

const MILLION: u128 = 1_000_000;

/// A machine's clock. It is never stepped, and runs at its own rate from its own origin.
#[derive(Clone, Debug)]
pub struct Clock {
    world: VirtualRuntime,
    /// When the machine was started, by the world's clock.
    start: Moment,
    /// What its own clock showed then.
    origin: Duration,
    /// How many nanoseconds it counts in a millisecond of the world's, which has a million.
    rate: u128,
    /// How many milliseconds its wall clock is ahead of the world's.
    ahead: i64,
}

impl Clock {
    /// A clock that shows `origin` now, and gains so many parts in a million from then on.
    ///
    /// A rate at which the clock would stand still or run backwards is taken for the slowest that there is.
    pub fn new(world: &VirtualRuntime, origin: Duration, gains_ppm: i32) -> Self {
        let rate = u128::try_from(1_000_000 + i64::from(gains_ppm)).unwrap_or(1).max(1);
        Self { world: world.clone(), start: world.now(), origin, rate, ahead: 0 }
    }

    /// The same clock with a wall clock beside it that is so many milliseconds ahead of the world's, or behind it.
    #[must_use]
    pub fn with_wall_ahead(self, millis: i64) -> Self {
        Self { ahead: millis, ..self }
    }

    /// What the wall clock shows now.
    pub fn wall_clock(&self) -> SystemTime {
        let (wall, error) = (self.world.wall_clock(), Duration::from_millis(self.ahead.unsigned_abs()));
        let shown = if self.ahead < 0 { wall.checked_sub(error) } else { wall.checked_add(error) };
        shown.unwrap_or(wall)
    }

    /// What the clock shows now.
    pub fn now(&self) -> Moment {
        let counted = self.world.now().since(self.start).as_nanos() * self.rate / MILLION;
        Moment::from_origin(self.origin.saturating_add(nanos(counted)))
    }

    /// The first moment of the world's clock at which this one shows `at`.
    pub fn in_world(&self, at: Moment) -> Moment {
        let to_count = at.since_origin().saturating_sub(self.origin);
        self.start.plus(nanos((to_count.as_nanos() * MILLION).div_ceil(self.rate)))
    }

    /// How long the world's clock takes while this one counts `duration`, rounded down.
    pub fn world_time(&self, duration: Duration) -> Duration {
        nanos(duration.as_nanos() * MILLION / self.rate)
    }

    pub(super) fn world(&self) -> &VirtualRuntime {
        &self.world
    }
}

fn nanos(count: u128) -> Duration {
    u64::try_from(count).map_or(Duration::MAX, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_gains_and_a_slow_one_loses() {
        let world = VirtualRuntime::new(0);
        let clocks = [0, 4500, -4500].map(|ppm| Clock::new(&world, Duration::from_secs(7), ppm));
        world.advance(Duration::from_secs(1000));
        let shown = clocks.each_ref().map(|clock| clock.now().since_origin().as_millis());
        assert_eq!(shown, [1_007_000, 1_011_500, 1_002_500]);
    }

    #[test]
    fn a_wall_clock_is_as_wrong_as_it_is_told_to_be() {
        let world = VirtualRuntime::new(0);
        for (ahead, expected) in [(0, 1_000_000), (300_000, 1_300_000), (-300_000, 700_000)] {
            let clock = Clock::new(&world, Duration::ZERO, 0).with_wall_ahead(ahead);
            let origin = world.wall_clock() - Duration::from_secs(1000);
            let shown = clock.wall_clock().duration_since(origin).expect("later");
            assert_eq!(shown.as_millis(), expected, "{ahead} ms");
        }
    }

    #[test]
    fn a_moment_is_reached_when_the_world_is_there_and_not_before() {
        let world = VirtualRuntime::new(0);
        for (ppm, millis) in [(4500, 1), (-4500, 1), (0, 999), (-4500, 123_457)] {
            let clock = Clock::new(&world, Duration::from_secs(3), ppm);
            let at = clock.now().plus(Duration::from_millis(millis));
            let in_world = clock.in_world(at);
            world.advance(in_world.since(world.now()) - Duration::from_nanos(1));
            assert!(clock.now() < at, "{ppm} ppm, {millis} ms");
            world.advance(Duration::from_nanos(1));
            assert!(clock.now() >= at, "{ppm} ppm, {millis} ms");
        }
    }
}
