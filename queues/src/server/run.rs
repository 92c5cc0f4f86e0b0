//! [`Run`]: a broker's process, from a start to the next stop.

use std::{
    io,
    path::Path,
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::watchdog::{Watchdog, end};

const POLL_EVERY: Duration = Duration::from_millis(10);

/// A broker's process, with a watchdog; killed when dropped.
#[derive(Debug)]
pub(super) struct Run {
    watchdog: Option<Watchdog>,
    broker: Child,
}

/// What became of a broker that was waited for.
#[derive(Debug)]
pub(super) enum Start {
    Ready,
    Ended(ExitStatus),
    Late,
}

impl Run {
    /// Watches over the broker, its directory, and `others` that are to end with it.
    pub(super) fn over(broker: Child, dir: &Path, others: &[u32]) -> io::Result<Self> {
        let pids = [&[broker.id()], others].concat();
        // Where there is no watchdog to be had, the broker is killed.
        let mut run = Self { watchdog: None, broker };
        run.watchdog = Some(Watchdog::over(dir, &pids)?);
        Ok(run)
    }

    /// Waits until the broker is ready, or has ended, or for so long.
    pub(super) fn wait_until(&mut self, is_ready: impl Fn() -> bool, within: Duration) -> io::Result<Start> {
        let deadline = Instant::now() + within;
        while !is_ready() {
            if let Some(status) = self.broker.try_wait()? {
                return Ok(Start::Ended(status));
            }
            if Instant::now() > deadline {
                return Ok(Start::Late);
            }
            thread::sleep(POLL_EVERY);
        }
        Ok(Start::Ready)
    }

    /// Asks the broker to end (SIGTERM), and kills it where it has not after so long.
    pub(super) fn stop(mut self, within: Duration) -> io::Result<()> {
        kill_process(Pid::from_child(&self.broker), Signal::TERM)?;
        let deadline = Instant::now() + within;
        while self.broker.try_wait()?.is_none() && Instant::now() < deadline {
            thread::sleep(POLL_EVERY);
        }
        Ok(())
    }
}

impl Drop for Run {
    /// Kills the broker before its watchdog, which knows it by its id, and reaps it after.
    fn drop(&mut self) {
        let _ = self.broker.kill();
        self.watchdog = None;
        end(&mut self.broker);
    }
}
