//! A plain RESP2 client for checks by tests, independent of every Redis client crate.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::ServerError;

/// Is what a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status such as `OK`.
    Status(String),
    /// An error reply, code included, such as `ERR unknown command`.
    Error(String),
    /// An integer.
    Int(i64),
    /// A string.
    Bulk(Vec<u8>),
    /// Nothing, as for a missing key.
    Nil,
    /// A list.
    Array(Vec<Reply>),
}

impl Reply {
    /// Returns the text of a status, error or string reply.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Status(text) | Self::Error(text) => Some(text),
            Self::Bulk(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Int(_) | Self::Nil | Self::Array(_) => None,
        }
    }

    /// Returns the number of an integer reply.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Status(_) | Self::Error(_) | Self::Bulk(_) | Self::Nil | Self::Array(_) => None,
        }
    }

    /// Returns the entries of a list reply; empty for every other reply.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            Self::Status(_) | Self::Error(_) | Self::Int(_) | Self::Bulk(_) | Self::Nil => &[],
        }
    }

    /// Turns an error reply into an error.
    pub(super) fn accepted(self) -> Result<Self, ServerError> {
        match self {
            Self::Error(text) => Err(ServerError::Refused(text)),
            Self::Status(_) | Self::Int(_) | Self::Bulk(_) | Self::Nil | Self::Array(_) => Ok(self),
        }
    }
}

/// Is one connection to a test server.
#[derive(Debug)]
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects to a port of 127.0.0.1; every wait of this connection ends after `timeout`.
    ///
    /// # Errors
    ///
    /// Fails when nobody listens there or `timeout` is zero.
    pub fn connect(port: u16, timeout: Duration) -> Result<Self, ServerError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends one command and returns its reply; an error reply is a reply too.
    ///
    /// # Errors
    ///
    /// Fails when no whole reply came in time. The connection is of no use after that.
    pub fn command<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Reply, ServerError> {
        self.0.get_mut().write_all(&encode(args))?;
        self.read()
    }

    /// Reads the next reply, for example one that an earlier command left behind.
    ///
    /// # Errors
    ///
    /// Fails when no whole reply came in time.
    pub fn read(&mut self) -> Result<Reply, ServerError> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| protocol(&line))?;
        match kind {
            "+" => Ok(Reply::Status(rest.to_owned())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => Ok(Reply::Int(number(rest)?)),
            "$" => self.bulk(number(rest)?),
            "*" => self.array(number(rest)?),
            _ => Err(protocol(&line)),
        }
    }

    fn line(&mut self) -> Result<String, ServerError> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(text) => Ok(text.to_owned()),
            None => Err(ServerError::Io(std::io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn bulk(&mut self, length: i64) -> Result<Reply, ServerError> {
        let Ok(length) = usize::try_from(length) else { return Ok(Reply::Nil) };
        let mut bytes = vec![0; length + 2];
        self.0.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(Reply::Bulk(bytes))
    }

    fn array(&mut self, length: i64) -> Result<Reply, ServerError> {
        if length < 0 {
            return Ok(Reply::Nil);
        }
        (0..length).map(|_| self.read()).collect::<Result<_, _>>().map(Reply::Array)
    }
}

fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn number(text: &str) -> Result<i64, ServerError> {
    text.parse().map_err(|_| protocol(text))
}

fn protocol(line: &str) -> ServerError {
    ServerError::Protocol(line.to_owned())
}
