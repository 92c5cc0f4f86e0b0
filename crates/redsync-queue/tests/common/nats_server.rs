//! A `nats-server` with JetStream that belongs to one test.

use std::{
    fs::File,
    hash::{BuildHasher, Hasher, RandomState},
    io::{BufRead, BufReader, ErrorKind},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Debian puts it where the PATH of plain users does not lead.
const PROGRAMS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];
const READY_WITHIN: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(10);
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Listens on a port of 127.0.0.1, keeps its data in a temporary directory, and is killed when it is dropped.
pub(crate) struct Server {
    port: u16,
    dir: TempDir,
    process: Option<Child>,
}

impl Server {
    /// Starts one on a free port, and waits until JetStream is there.
    pub(crate) fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("redsync-nats-").tempdir().expect("a directory");
        // Somebody else may be quicker to take a port that was free a moment ago.
        for _ in 0..5 {
            let port = free_port();
            if let Some(process) = launch(port, dir.path()) {
                return Self { port, dir, process: Some(process) };
            }
        }
        panic!("no server has started: {}", log(dir.path()));
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its port of 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills it (SIGKILL), and returns once it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it is ours");
            process.wait().expect("it was not waited for");
        }
    }

    /// Asks it to end (SIGTERM), and returns once it has.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let id = process.id().to_string();
            let asked = Command::new("kill").args(["-TERM", &id]).status().expect("there is a kill");
            assert!(asked.success(), "it was there");
            process.wait().expect("it was not waited for");
        }
    }

    /// Kills it where it still runs, starts it on the same port with the same data, and waits until JetStream is there.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = launch(self.port, self.dir.path());
        assert!(self.process.is_some(), "it has not started again: {}", log(self.dir.path()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of nats-server on port {} ---\n{}---", self.port, log(self.dir.path()));
        }
        self.kill();
    }
}

/// Below those that the kernel gives to outgoing connections: one of these could take it while its server is down.
fn free_port() -> u16 {
    let draw = || 10_000 + u16::try_from(RandomState::new().build_hasher().finish() % 22_000).expect("small");
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(draw).find(is_free).expect("it goes on for ever")
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

/// `None` where it ends by itself, as it does when its port is taken.
fn launch(port: u16, dir: &Path) -> Option<Child> {
    let mut process = spawn(port, dir);
    let begun = Instant::now();
    while !is_ready(port) {
        if process.try_wait().expect("it is ours").is_some() {
            return None;
        }
        assert!(begun.elapsed() < READY_WITHIN, "it is not ready: {}", log(dir));
        thread::sleep(POLL_EVERY);
    }
    Some(process)
}

fn spawn(port: u16, dir: &Path) -> Child {
    for program in PROGRAMS {
        let log = File::options().create(true).append(true).open(dir.join("log")).expect("a log");
        let spawned = Command::new(program)
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string()])
            .arg("-sd")
            .arg(dir.join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("one more"))
            .stderr(log)
            .spawn();
        match spawned {
            Ok(process) => return process,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("{program} cannot be started: {error}"),
        }
    }
    panic!("no nats-server found: install NATS (Debian: apt-get install nats-server)");
}

/// Its first line tells what it can.
fn is_ready(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    stream.set_read_timeout(Some(ANSWERS_WITHIN)).expect("not zero");
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line);
    read.is_ok() && line.contains("\"jetstream\":true")
}
