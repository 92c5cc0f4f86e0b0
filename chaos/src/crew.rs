//! The contenders: started, stopped, killed, replaced, and ended with the conductor.

use std::{
    env,
    fs::File,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::{CONTENDER, Failure, clock, terms::Orders};

/// Bounds the end of a contender: a call, a clean-up, and then some for a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(10);

/// Is what the conductor did to a contender, for the check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    pub(crate) who: u32,
    /// Lists from when until when it was stopped.
    pub(crate) stops: Vec<(u64, u64)>,
    pub(crate) killed: Option<u64>,
    /// Says what was wrong with its end, if it was not killed.
    pub(crate) trouble: Option<String>,
}

/// Is a running contender; it is killed when this is dropped.
#[derive(Debug)]
struct Contender {
    child: Child,
    /// Numbers its place, which a contender inherits from the one that it replaces.
    place: usize,
    stopped: Option<u64>,
    life: Life,
}

/// Is all contenders, those that have ended included.
#[derive(Debug)]
pub(crate) struct Crew {
    orders: Orders,
    /// Holds the addresses for each place.
    urls: Vec<Vec<String>>,
    running: Vec<Contender>,
    ended: Vec<Life>,
}

impl Crew {
    /// Starts a contender for each list of addresses.
    pub(crate) fn start(orders: Orders, urls: Vec<Vec<String>>) -> Result<Self, Failure> {
        let places = urls.len();
        let mut crew = Self { orders, urls, running: Vec::new(), ended: Vec::new() };
        (0..places).try_for_each(|place| crew.join(place))?;
        Ok(crew)
    }

    /// Returns the places of those that are not stopped.
    pub(crate) fn at_work(&self) -> Vec<usize> {
        let at_work = self.running.iter().filter(|contender| contender.stopped.is_none());
        at_work.map(|contender| contender.place).collect()
    }

    /// Stops the contender at this place, and returns once it stands still.
    pub(crate) fn stop(&mut self, place: usize) -> Result<(), Failure> {
        let Some(contender) = self.at(place) else { return Ok(()) };
        let pid = Pid::from_child(&contender.child);
        contender.stopped = Some(clock::now());
        kill_process(pid, Signal::STOP)?;
        // One that has ended instead is found out by `miss`.
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        Ok(())
    }

    /// Lets the contender at this place go on.
    pub(crate) fn resume(&mut self, place: usize) -> Result<(), Failure> {
        let Some(contender) = self.at(place) else { return Ok(()) };
        kill_process(Pid::from_child(&contender.child), Signal::CONT)?;
        if let Some(since) = contender.stopped.take() {
            contender.life.stops.push((since, clock::now()));
        }
        Ok(())
    }

    /// Kills the contender at this place and starts another one there.
    pub(crate) fn replace(&mut self, place: usize) -> Result<(), Failure> {
        if let Some(at) = self.running.iter().position(|contender| contender.place == place) {
            let mut contender = self.running.swap_remove(at);
            contender.end_now();
            contender.life.killed = Some(clock::now());
            self.ended.push(contender.life.clone());
        }
        self.join(place)
    }

    /// Notes those that have ended by themselves, which none may.
    pub(crate) fn miss(&mut self) -> Result<(), Failure> {
        let mut still = Vec::new();
        for mut contender in self.running.drain(..) {
            match contender.child.try_wait()? {
                None => still.push(contender),
                Some(status) => {
                    contender.life.trouble = Some(format!("it ended by itself with {status}"));
                    self.ended.push(contender.life.clone());
                }
            }
        }
        self.running = still;
        Ok(())
    }

    /// Lets everybody finish, and returns what has become of each.
    pub(crate) fn end(mut self) -> Result<Vec<Life>, Failure> {
        self.miss()?;
        for contender in &mut self.running {
            drop(contender.child.stdin.take());
        }
        let deadline = Instant::now() + ENDS_WITHIN;
        for mut contender in self.running.drain(..) {
            contender.life.trouble = contender.wait(deadline)?;
            self.ended.push(contender.life.clone());
        }
        Ok(self.ended)
    }

    fn at(&mut self, place: usize) -> Option<&mut Contender> {
        self.running.iter_mut().find(|contender| contender.place == place)
    }

    fn join(&mut self, place: usize) -> Result<(), Failure> {
        self.orders.who += 1;
        let urls = self.urls.get(place).cloned().unwrap_or_default();
        let orders = Orders { urls, ..self.orders.clone() };
        let errors: PathBuf = orders.dir.join(format!("contender-{}.stderr", orders.who));
        let child = Command::new(env::current_exe()?)
            .args([CONTENDER, &serde_json::to_string(&orders)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(errors)?)
            // Ctrl-C at the terminal is for the conductor, with which contenders end.
            .process_group(0)
            .spawn()?;
        let life = Life { who: orders.who, ..Life::default() };
        self.running.push(Contender { child, place, stopped: None, life });
        Ok(())
    }
}

impl Contender {
    /// Waits for its end; there is no event for one with a deadline.
    fn wait(&mut self, deadline: Instant) -> Result<Option<String>, Failure> {
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok((!status.success()).then(|| format!("it ended with {status}")));
            }
            thread::sleep(POLL_EVERY);
        }
        self.end_now();
        Ok(Some(format!("it did not end within {ENDS_WITHIN:?}")))
    }

    /// Kills and reaps; both fail only when that has happened.
    fn end_now(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        self.end_now();
    }
}
