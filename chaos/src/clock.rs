//! The clock that all processes of this machine share, so that their logs can be put together.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Is the clock that the locks go by.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Counts nanoseconds since the machine was started.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(CLOCK);
    // Neither is ever negative.
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default() * 1_000_000_000 + nanos.unwrap_or_default()
}

/// Counts the nanoseconds of a duration.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes nanoseconds as milliseconds, for people.
pub(crate) fn millis(nanos: u64) -> String {
    format!("{}.{:03} ms", nanos / 1_000_000, nanos / 1_000 % 1_000)
}
