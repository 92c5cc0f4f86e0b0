//! [`Nats`]: a `nats-server` with JetStream of the test's own.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, ErrorKind},
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use redsync_testkit::server::free_port;
use tempfile::TempDir;

use super::run::{Run, Start};

/// Debian puts it where the PATH of plain users does not lead.
const PROGRAMS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];
const PORT_TRIES: usize = 5;
const READY_WITHIN: Duration = Duration::from_secs(20);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// A `nats-server` with its data; killed when dropped.
#[derive(Debug)]
pub struct Nats {
    port: u16,
    run: Option<Run>,
    dir: TempDir,
}

impl Nats {
    /// Starts an empty one, and waits until JetStream is there.
    ///
    /// # Errors
    ///
    /// When there is no such program, or it is not ready within 20 s; with its log then.
    pub fn start() -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("redsync-nats-").tempdir()?;
        // Somebody else may be quicker to take a port that was free a moment ago.
        for _ in 0..PORT_TRIES {
            let port = free_port()?;
            if let Some(run) = launch(port, dir.path())? {
                return Ok(Self { port, dir, run: Some(run) });
            }
        }
        Err(has_ended(dir.path()))
    }

    /// Its port of 127.0.0.1, which stays the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_of(self.port)
    }

    /// Where clients find one that listens at this port of 127.0.0.1, or what stands before it.
    #[must_use]
    pub fn url_of(port: u16) -> String {
        format!("nats://127.0.0.1:{port}")
    }

    /// Ends it as a crash does (SIGKILL), and returns once it is gone.
    pub fn kill(&mut self) {
        self.run = None;
    }

    /// Stops it in order (SIGTERM), and returns once it is gone. After 20 s it is killed.
    ///
    /// # Errors
    ///
    /// When it cannot be told to.
    pub fn stop(&mut self) -> io::Result<()> {
        self.run.take().map_or(Ok(()), |run| run.stop(STOPPED_WITHIN))
    }

    /// Starts it again with its data, on the same port. One that still runs is killed before.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.run = launch(self.port, self.dir.path())?;
        if self.run.is_some() { Ok(()) } else { Err(has_ended(self.dir.path())) }
    }
}

/// `None` where it ends by itself, as it does when its port is taken.
fn launch(port: u16, dir: &Path) -> io::Result<Option<Run>> {
    let mut run = Run::over(spawn(port, dir)?, dir, &[])?;
    match run.wait_until(|| is_ready(port), READY_WITHIN)? {
        Start::Ready => Ok(Some(run)),
        Start::Ended(_) => Ok(None),
        Start::Late => Err(io::Error::other(format!("nats-server is not ready: {}", log(dir)))),
    }
}

impl Drop for Nats {
    #[expect(clippy::print_stderr, reason = "a test that fails shows what its server said")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of nats-server on port {} ---\n{}---", self.port, log(self.dir.path()));
        }
    }
}

fn has_ended(dir: &Path) -> io::Error {
    io::Error::other(format!("nats-server has ended: {}", log(dir)))
}

fn log(dir: &Path) -> String {
    fs::read_to_string(dir.join("log")).unwrap_or_default()
}

fn spawn(port: u16, dir: &Path) -> io::Result<Child> {
    for program in PROGRAMS {
        let log = File::options().create(true).append(true).open(dir.join("log"))?;
        let spawned = Command::new(program)
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string()])
            .arg("-sd")
            .arg(dir.join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C at the terminal is for the test, which then ends the server as always.
            .process_group(0)
            .spawn();
        match spawned {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            spawned => return spawned,
        }
    }
    Err(io::Error::new(
        ErrorKind::NotFound,
        "no nats-server found: install NATS (Debian: apt-get install nats-server)",
    ))
}

/// Its first line tells what it can.
fn is_ready(port: u16) -> bool {
    let greeting = || {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok::<_, io::Error>(line)
    };
    greeting().is_ok_and(|line| line.contains("\"jetstream\":true"))
}
