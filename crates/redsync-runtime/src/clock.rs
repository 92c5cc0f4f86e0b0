//! The one clock of this process, shared by all runtimes so that their moments can be compared.

use redsync_core::Moment;

/// Reads the clock that goes on while the machine is suspended, because the servers' clocks do: a lock
/// that expired during the night must not look valid in the morning.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn now() -> Moment {
    use rustix::time::{ClockId, clock_gettime};
    use std::time::Duration;

    let time = clock_gettime(ClockId::Boottime);
    // Neither is ever negative: this clock starts at zero when the machine does.
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Moment::from_origin(Duration::new(seconds, nanos))
}

/// Reads the standard library's monotonic clock, counted from its first use in this process.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn now() -> Moment {
    use std::{sync::LazyLock, time::Instant};

    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    Moment::from_origin(ORIGIN.elapsed())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_clock_counts_seconds_as_the_standard_library_does() {
        let (moment, instant) = (now(), Instant::now());
        while instant.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        // Read in the opposite order, so that this interval encloses the other one.
        let (inner, outer) = (instant.elapsed(), now().since(moment));
        assert!(outer >= inner, "{outer:?} {inner:?}");
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn the_clock_counts_from_the_start_of_the_machine() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!((now().since_origin().as_secs_f64() - uptime).abs() < 1.0);
    }
}
