//! [`Program`]: an example as a process of its own, and what it says; [`post`]: a client of its.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// No event takes longer, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(10);

/// A process, killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    /// How much of it was waited for.
    heard: usize,
}

impl Program {
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        let mut command = Command::new(super::program(name));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let (sender, lines) = channel();
        let (output, errors) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        for pipe in [Box::new(output) as Box<dyn Read + Send>, Box::new(errors)] {
            let sender = sender.clone();
            thread::spawn(move || {
                let lines = BufReader::new(pipe).lines().map_while(Result::ok);
                // Nobody listens any more once the test is over.
                lines.take_while(|line| sender.send(line.clone()).is_ok()).count();
            });
        }
        Self { child, lines, said: Vec::new(), heard: 0 }
    }

    /// Waits for the next line with this text.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(line) = self.said.get(self.heard) {
                self.heard += 1;
                if line.contains(text) {
                    return line.clone();
                }
            }
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("nothing with {text:?} in:\n{}", self.said.join("\n"))
                }
            }
        }
    }

    /// Kills it (SIGKILL).
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is there");
    }

    /// Asks it to end, and waits until it has; returns all that it said.
    pub(crate) fn end(mut self, signal: Signal) -> (ExitStatus, Vec<String>) {
        self.ask_to_end(signal);
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("ours") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.said.join("\n"));
            thread::sleep(POLL_EVERY);
        };
        self.said.extend(self.lines.iter());
        (status, std::mem::take(&mut self.said))
    }

    pub(crate) fn ask_to_end(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if thread::panicking() {
            self.said.extend(self.lines.try_iter());
            eprintln!("--- process {} said ---\n{}\n---", self.child.id(), self.said.join("\n"));
        }
        // Both fail only when it has been reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request without a body; returns the status, and `Retry-After` where it is there.
pub(crate) fn post(address: SocketAddr, path: &str) -> (u16, Option<String>) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    write!(stream, "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let mut lines = answer.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let retry_after = lines
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
        .map(|(_, value)| value.to_owned());
    (status, retry_after)
}

/// The same until it is answered with another status.
pub(crate) fn post_while(status: u16, address: SocketAddr, path: &str) -> (u16, Option<String>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = post(address, path);
        if answer.0 != status || Instant::now() > deadline {
            return answer;
        }
        thread::sleep(POLL_EVERY);
    }
}
