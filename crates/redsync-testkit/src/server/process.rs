//! One run of a server process: launched, steered by signals, killed and reaped.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::listen::Listen;
use super::watchdog::Watchdog;
use super::{Client, Reply, ServerError};

const CONFIG_FILE: &str = "server.conf";
const LOG_FILE: &str = "server.log";
const READY_WITHIN: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(5);
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// Says what to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) binary: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) config: Vec<String>,
    pub(super) password: Option<String>,
    pub(super) tls: bool,
}

/// Is one run of a server in a directory of its own; killed and reaped when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    watchdog: Watchdog,
    dir: PathBuf,
    port: u16,
}

impl Process {
    /// Starts the server in the empty directory `dir` and waits until it answers.
    pub(super) fn start(plan: &Plan, dir: &Path, listen: &Listen) -> Result<Self, ServerError> {
        let mut child = spawn(plan, dir, listen)?;
        let watchdog = Watchdog::over(child.id()).inspect_err(|_| end(&mut child))?;
        let mut process = Self { child, watchdog, dir: dir.to_owned(), port: listen.port };
        process.wait_until_ready()?;
        Ok(process)
    }

    /// Stops the process as SIGSTOP does, and returns once it really stands still.
    pub(super) fn pause(&self) -> Result<(), ServerError> {
        kill_process(self.pid(), Signal::STOP)?;
        // NOWAIT leaves an ended process to be reaped by `Child`, so that its id stays ours.
        let watched = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.pid()), watched)? {
            Some(status) if status.stopped() => Ok(()),
            Some(_) | None => Err(ServerError::NotRunning),
        }
    }

    /// Lets a paused process go on.
    pub(super) fn resume(&self) -> Result<(), ServerError> {
        Ok(kill_process(self.pid(), Signal::CONT)?)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    #[cfg(test)]
    pub(super) fn watchdog(&mut self) -> &mut Watchdog {
        &mut self.watchdog
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn wait_until_ready(&mut self) -> Result<(), ServerError> {
        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_ready() {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.why_it_ended(status));
            }
            if Instant::now() >= deadline {
                return Err(ServerError::NotReady { log: log(&self.dir) });
            }
            thread::sleep(POLL_EVERY);
        }
        Ok(())
    }

    /// Tells whether this very server listens and answers.
    ///
    /// The log is asked first: when another process won the race for the port, it is that one which
    /// would answer the PING.
    fn is_ready(&self) -> bool {
        says_ready(&log(&self.dir)) && self.ping().is_ok_and(|reply| !is_loading(&reply))
    }

    fn ping(&self) -> Result<Reply, ServerError> {
        Client::connect(self.port, PING_TIMEOUT)?.command(&["PING"])
    }

    fn why_it_ended(&self, status: ExitStatus) -> ServerError {
        let log = log(&self.dir);
        if log.contains("Address already in use") {
            return ServerError::PortTaken { port: self.port };
        }
        ServerError::Exited { status, log }
    }
}

impl Drop for Process {
    /// Kills the server, and reaps it only after the watchdog is gone, which knows it by its id.
    fn drop(&mut self) {
        let _ = self.child.kill();
        self.watchdog.dismiss();
        end(&mut self.child);
    }
}

/// Kills and reaps; both fail only when the process has been reaped already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns what the run in `dir` has written so far.
pub(super) fn log(dir: &Path) -> String {
    fs::read(log_file(dir)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn spawn(plan: &Plan, dir: &Path, listen: &Listen) -> Result<Child, ServerError> {
    let config = dir.join(CONFIG_FILE);
    fs::write(&config, config_text(plan, dir, listen))?;
    let output = File::create(log_file(dir))?;
    Command::new(&plan.binary)
        .arg(config)
        .args(&plan.args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // Ctrl-C at the terminal is for the test, which then ends the server as always.
        .process_group(0)
        .spawn()
        .map_err(|source| ServerError::BadBinary { path: plan.binary.display().to_string(), source })
}

fn config_text(plan: &Plan, dir: &Path, listen: &Listen) -> String {
    let own = format!(
        "{}dir \"{}\"\nsave \"\"\nappendonly no\ndaemonize no\n",
        listen.config_text(),
        dir.display()
    );
    plan.config.iter().fold(own, |text, line| text + line + "\n")
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join(LOG_FILE)
}

/// Tells whether the launcher has put a file of this name there, and not the server.
pub(super) fn is_own_file(name: &OsStr) -> bool {
    name == CONFIG_FILE || name == LOG_FILE
}

/// Looks for the lines that a server, or a sentinel, writes once it listens.
fn says_ready(log: &str) -> bool {
    log.contains("Ready to accept connections") || log.contains("Sentinel ID is")
}

fn is_loading(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(text) if text.starts_with("LOADING"))
}
