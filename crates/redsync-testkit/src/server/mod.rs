//! Real `redis-server` and `valkey-server` processes for tests.
//!
//! Each [`Server`] has a port of 127.0.0.1, a Unix socket and a temporary directory of its own, keeps nothing on disk,
//! and is killed and reaped when it is dropped, or when the test process ends in any other way. It can be
//! paused, killed and restarted empty; [`Server::command`] asks it without any Redis client crate. When a
//! test panics, the logs of its servers are printed to stderr.
//!
//! A [`Cluster`] and [`Sentinels`] are made of such servers, and fail over when a test says so.
//!
//! The program is the one named by the environment variable `REDSYNC_SERVER`, else `redis-server`, else
//! `valkey-server` on the PATH. (A wrapper script has to `exec` the server, or signals miss it.)
//!
//! ```
//! use redsync_testkit::server::{Reply, Server};
//!
//! let server = Server::start()?;
//! assert_eq!(server.command(&["SET", "key", "value"])?, Reply::Status("OK".to_owned()));
//! assert_eq!(server.command(&["GET", "key"])?.text(), Some("value"));
//! # Ok::<(), redsync_testkit::server::ServerError>(())
//! ```

mod access;
mod binary;
mod builder;
mod certificate;
mod cluster;
mod error;
mod frame;
mod info;
mod listen;
mod patience;
mod port;
mod process;
mod proxy;
mod replication;
mod resp;
mod sentinels;
mod servers;
#[cfg(test)]
mod tests;
mod watchdog;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use access::LOCKER_RULES;
pub use builder::Builder;
pub use cluster::Cluster;
pub use error::ServerError;
use listen::Listen;
pub use port::free_port;
use process::{Plan, Process};
pub use proxy::{Args, Proxy};
pub use resp::{Client, Reply};
pub use sentinels::Sentinels;
pub use servers::Servers;

/// Bounds every wait of [`Server::command`].
const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// Bounds the wait for a port that something else uses while its server is down.
const PORT_BACK_WITHIN: Duration = Duration::from_secs(10);
const PORT_TRIES: usize = 20;

/// Is a real server process that belongs to one test.
#[derive(Debug)]
pub struct Server {
    plan: Plan,
    dir: TempDir,
    listen: Listen,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    process: Option<Process>,
    /// Numbers the runs; each has a directory of its own, so nothing of an earlier one is left.
    run: u32,
}

impl Server {
    /// Starts a server with no further settings and waits until it answers.
    ///
    /// # Errors
    ///
    /// Fails with one line that tells what to install when there is no server program, and with the
    /// server's log when it does not become ready.
    pub fn start() -> Result<Self, ServerError> {
        Self::builder().start()
    }

    /// Returns a builder for a server with arguments or configuration lines of its own.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn launch(plan: Plan) -> Result<Self, ServerError> {
        let dir = tempfile::Builder::new().prefix("redsync-server-").tempdir_in(listen::short_temp_dir())?;
        if plan.tls {
            certificate::make_in(dir.path())?;
        }
        let (listen, process) = on_free_ports(&plan, dir.path(), &run_dir(dir.path(), 0)?)?;
        Ok(Self { plan, dir, listen, state: Mutex::new(State { process: Some(process), run: 0 }) })
    }

    /// Returns the server's port of 127.0.0.1, which stays the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listen.port
    }

    /// Returns the server's address, such as `redis://127.0.0.1:17001`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// Returns the process id while the server runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.state().process.as_ref().map(Process::id)
    }

    /// Stops the process (SIGSTOP) and returns once it really stands still.
    ///
    /// It keeps its port and its connections, and the kernel still accepts new ones for it: a paused
    /// server does not refuse, it hangs.
    ///
    /// # Errors
    ///
    /// Fails when the server is not running.
    pub fn pause(&self) -> Result<(), ServerError> {
        self.state().process.as_ref().ok_or(ServerError::NotRunning)?.pause()
    }

    /// Lets a paused server go on (SIGCONT); it then works off what has reached it meanwhile.
    ///
    /// # Errors
    ///
    /// Fails when the server is not running.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.state().process.as_ref().ok_or(ServerError::NotRunning)?.resume()
    }

    /// Kills the process (SIGKILL) and returns once it is gone; new connections are refused from then on.
    ///
    /// Killing a server that is gone already does nothing.
    pub fn kill(&self) {
        self.state().process = None;
    }

    /// Kills the server where it still runs, starts it without data on the same port, and waits until it
    /// answers.
    ///
    /// # Errors
    ///
    /// Fails when the server does not become ready, or when something else keeps the port.
    pub fn restart_empty(&self) -> Result<(), ServerError> {
        let mut state = self.state();
        state.process = None;
        state.run += 1;
        let dir = run_dir(self.dir.path(), state.run)?;
        state.process = Some(on_same_port(&self.plan, &dir, &self.listen)?);
        Ok(())
    }

    /// Kills the server where it still runs, starts it on the same port with what it has on disk, and waits until it
    /// answers.
    ///
    /// By itself a server has nothing on disk: ask for `appendonly yes`, by which it writes down what it has done before
    /// it replies.
    ///
    /// # Errors
    ///
    /// As [`restart_empty`](Self::restart_empty).
    pub fn restart(&self) -> Result<(), ServerError> {
        let mut state = self.state();
        state.process = None;
        let last = self.dir.path().join(state.run.to_string());
        state.run += 1;
        let dir = run_dir(self.dir.path(), state.run)?;
        move_data(&last, &dir)?;
        state.process = Some(on_same_port(&self.plan, &dir, &self.listen)?);
        Ok(())
    }

    /// Sends one command over a new connection and returns the reply; an error reply is a reply too.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses the connection or does not answer within two seconds.
    pub fn command<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Reply, ServerError> {
        self.client(COMMAND_TIMEOUT)?.command(args)
    }

    /// Opens a plain connection whose every wait ends after `timeout`, and gives the password where there is one.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses the connection.
    pub fn client(&self, timeout: Duration) -> Result<Client, ServerError> {
        let mut client = Client::connect(self.port(), timeout)?;
        if let Some(password) = &self.plan.password {
            client.command(&["AUTH", password])?.accepted()?;
        }
        Ok(client)
    }

    /// Returns what the server has written so far, over all its runs.
    #[must_use]
    pub fn log(&self) -> String {
        let runs = 0..=self.state().run;
        runs.map(|run| process::log(&self.dir.path().join(run.to_string()))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "a test that fails shows what its servers said")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of the server on port {} ---\n{}---", self.port(), self.log());
        }
        self.kill();
    }
}

fn run_dir(root: &Path, run: u32) -> Result<PathBuf, ServerError> {
    let dir = root.join(run.to_string());
    fs::create_dir(&dir)?;
    Ok(dir)
}

/// Leaves the configuration and the log of the last run where they are.
fn move_data(from: &Path, to: &Path) -> Result<(), ServerError> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if !process::is_own_file(&entry.file_name()) {
            fs::rename(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Tries other ports while somebody else is quicker to take the free ones.
fn on_free_ports(plan: &Plan, root: &Path, dir: &Path) -> Result<(Listen, Process), ServerError> {
    let mut tried = 0;
    loop {
        let listen = Listen::draw(root, plan.tls)?;
        tried += 1;
        match Process::start(plan, dir, &listen) {
            Err(ServerError::PortTaken { .. }) if tried < PORT_TRIES => {}
            result => return result.map(|process| (listen, process)),
        }
    }
}

/// Waits a while for the port, which a passing connection may have been given meanwhile.
fn on_same_port(plan: &Plan, dir: &Path, listen: &Listen) -> Result<Process, ServerError> {
    let deadline = Instant::now() + PORT_BACK_WITHIN;
    loop {
        match Process::start(plan, dir, listen) {
            Err(ServerError::PortTaken { .. }) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(50));
            }
            result => return result,
        }
    }
}
