//! Counts what clients send to a server.
//!
//! A server's own statistics do not tell that from what scripts call; `MONITOR` does. It costs the server time, so that nothing
//! is timed meanwhile.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    thread::{self, JoinHandle},
};

use redsync_testkit::server::Server;

use crate::BoxError;

/// What the server is asked for to mark the end.
const END: [&str; 2] = ["ECHO", "the end"];

/// A count that goes on.
pub(crate) struct Monitor<'a> {
    server: &'a Server,
    count: JoinHandle<usize>,
}

impl<'a> Monitor<'a> {
    pub(crate) fn of(server: &'a Server) -> Result<Self, BoxError> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port()))?;
        connection.write_all(b"MONITOR\r\n")?;
        let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
        if lines.next().as_deref() != Some("+OK") {
            return Err("the server does not let itself be monitored".into());
        }
        let end = format!("{:?} {:?}", END[0], END[1]);
        let commands = lines.take_while(move |line| !line.ends_with(&end)).filter(|line| is_sent(line));
        Ok(Self { server, count: thread::spawn(|| commands.count()) })
    }

    /// How many commands there were.
    pub(crate) fn end(self) -> Result<usize, BoxError> {
        self.server.command(&END)?;
        self.count.join().map_err(|_| "the count has panicked".into())
    }
}

/// Tells a line such as `+1700000000.000001 [0 127.0.0.1:60866] "GET" "key"` from one with `[0 lua]`.
fn is_sent(line: &str) -> bool {
    line.split_once(']').is_some_and(|(source, _)| !source.ends_with(" lua"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_call_was_not_sent() {
        let server = Server::start().unwrap();
        let monitor = Monitor::of(&server).unwrap();
        let script = "return redis.call('GET', redis.call('ECHO', KEYS[1]))";
        server.command(&["EVAL", script, "1", "a] key"]).unwrap();
        server.command(&["CLIENT", "TRACKING", "OFF"]).unwrap();
        assert_eq!(monitor.end().unwrap(), 2);
    }
}
