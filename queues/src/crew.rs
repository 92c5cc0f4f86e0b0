//! [`Crew`]: the workers; hired, killed, replaced, and ended with this process.

use std::{
    fs::OpenOptions,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Failure,
    history::Log,
    worker::{Manner, Orders, WORKER},
};

/// Bounds the end of a worker: a job, a clean-up, and then some for a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(5);

/// The workers that run; they are killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Crew {
    program: PathBuf,
    orders: Orders,
    log: Log,
    running: Vec<Child>,
    kills: usize,
}

impl Crew {
    pub(crate) fn new(program: PathBuf, orders: Orders) -> Result<Self, Failure> {
        let log = Log::open(&orders.history)?;
        Ok(Self { program, orders, log, running: Vec::new(), kills: 0 })
    }

    /// Starts so many, who work in this manner.
    pub(crate) fn hire(&mut self, count: usize, manner: Manner) -> Result<Vec<u32>, Failure> {
        self.orders.manner = manner;
        (0..count).map(|_| self.hire_one()).collect()
    }

    fn hire_one(&mut self) -> Result<u32, Failure> {
        let (errors, orders) =
            (self.orders.history.with_file_name("workers.log"), serde_json::to_string(&self.orders)?);
        let errors = OpenOptions::new().create(true).append(true).open(errors)?;
        let child = Command::new(&self.program)
            .args([WORKER, &orders])
            // It ends when this end of the pipe does.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors)
            // Ctrl-C at the terminal is for this process, with which workers end.
            .process_group(0)
            .spawn()?;
        let pid = child.id();
        self.running.push(child);
        Ok(pid)
    }

    /// Kills (SIGKILL) and reaps the one with this process id, and notes it.
    pub(crate) fn kill(&mut self, pid: u32) -> Result<(), Failure> {
        let Some(at) = self.running.iter().position(|child| child.id() == pid) else { return Ok(()) };
        let mut child = self.running.swap_remove(at);
        // It fails only where the worker has ended by itself.
        let killed = child.kill();
        child.wait()?;
        killed?;
        self.log.killed(pid)?;
        self.kills += 1;
        Ok(())
    }

    /// The process ids of those that run. None may have ended by itself.
    pub(crate) fn at_work(&mut self) -> Result<Vec<u32>, Failure> {
        for child in &mut self.running {
            if let Some(status) = child.try_wait()? {
                return Err(format!("the worker {} has ended by itself: {status}", child.id()).into());
            }
        }
        Ok(self.running.iter().map(Child::id).collect())
    }

    pub(crate) fn kills(&self) -> usize {
        self.kills
    }

    /// Lets everybody finish what he works on.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        self.at_work()?;
        self.running.iter_mut().for_each(|child| drop(child.stdin.take()));
        let deadline = Instant::now() + ENDS_WITHIN;
        while let Some(child) = self.running.last_mut() {
            match child.try_wait()? {
                Some(status) if status.success() => drop(self.running.pop()),
                Some(status) => {
                    return Err(format!("the worker {} has ended with {status}", child.id()).into());
                }
                None if Instant::now() > deadline => {
                    return Err(format!("the worker {} does not end", child.id()).into());
                }
                None => thread::sleep(POLL_EVERY),
            }
        }
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for child in &mut self.running {
            // Both fail only when it has been reaped already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
