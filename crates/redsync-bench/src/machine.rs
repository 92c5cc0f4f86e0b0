//! What the machine tells: the time, the processor's time, memory, and on which core something runs.

use std::{fs, io, time::Duration};

use rustix::{
    fd::OwnedFd,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
        timerfd_create, timerfd_settime,
    },
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::BoxError;

/// Nanoseconds of the clock that all processes of this machine share.
pub(crate) fn now_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// The processor's time that this process has used so far, over all its threads.
pub(crate) fn cpu_time() -> Duration {
    Duration::from_nanos(nanoseconds(ClockId::ProcessCPUTime))
}

/// The memory of this process that is in RAM, in bytes.
pub(crate) fn resident() -> Result<u64, BoxError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    // No clock that is asked for here is ever negative.
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// A timer that does not round to milliseconds, as the runtime's does: most of what is waited for here is shorter.
pub(crate) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    #[expect(
        deprecated,
        reason = "its successor is unsafe; an `OwnedFd` stays open for as long as it is registered"
    )]
    pub(crate) fn new() -> Result<Self, BoxError> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self(AsyncFd::with_interest(timer, Interest::READABLE)?))
    }

    /// Waits for so long. One at a time.
    pub(crate) async fn wait(&self, pause: Duration) -> Result<(), BoxError> {
        // Zero would switch it off.
        let pause = pause.max(Duration::from_nanos(1));
        let once = Itimerspec { it_interval: Timespec::default(), it_value: pause.try_into()? };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut rung = self.0.readable().await?;
            let read = |timer: &AsyncFd<OwnedFd>| {
                rustix::io::read(timer.get_ref(), &mut [0; 8]).map_err(io::Error::from)
            };
            if let Ok(read) = rung.try_io(read) {
                read?;
                return Ok(());
            }
        }
    }
}

/// Keeps this thread, and whatever it starts, on one core for as long as this is there.
pub(crate) struct Pinned(CpuSet);

impl Pinned {
    pub(crate) fn to_one_core() -> Result<Self, BoxError> {
        let before = sched_getaffinity(None)?;
        // The first core also serves most interrupts.
        let last = (0..CpuSet::MAX_CPU).rev().find(|core| before.is_set(*core)).ok_or("no core")?;
        let mut one = CpuSet::new();
        one.set(last);
        sched_setaffinity(None, &one)?;
        Ok(Self(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // What was allowed before is allowed again.
        let _ = sched_setaffinity(None, &self.0);
    }
}
