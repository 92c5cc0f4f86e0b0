//! What can go wrong with a test server, in words that say what to do.

use std::io;
use std::process::ExitStatus;

/// Tells why a test server could not be started, steered or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Reports that no server program was found.
    #[error(
        "no redis-server or valkey-server on the PATH: install Redis or Valkey \
         (Debian: apt-get install redis-server), or name the program in REDSYNC_SERVER"
    )]
    NoBinary,
    /// Reports that `REDSYNC_SERVER` or the builder names something that cannot be run.
    #[error("the server program {path} cannot be started: {source}")]
    BadBinary {
        /// The path as it was given.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Reports that the server's port belongs to somebody else.
    #[error("port {port} is taken by another process")]
    PortTaken {
        /// The port that was tried.
        port: u16,
    },
    /// Reports that the server ended instead of becoming ready.
    #[error("the server ended at start with {status}; its log:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// Everything it wrote.
        log: String,
    },
    /// Reports that the server runs but did not become ready in time.
    #[error("the server was not ready in time; its log:\n{log}")]
    NotReady {
        /// Everything it wrote so far.
        log: String,
    },
    /// Reports that the server was killed, or ended by itself.
    #[error("the server is not running")]
    NotRunning,
    /// Reports that no answer came within the read timeout.
    #[error("no answer in time")]
    TimedOut,
    /// Reports that servers did not come to work together in time.
    #[error("waited in vain until {what}")]
    InVain {
        /// What was waited for.
        what: &'static str,
    },
    /// Reports an error reply to a command that sets servers up.
    #[error("a server refused a command: {0}")]
    Refused(String),
    /// Reports that the certificate of a server with TLS could not be made.
    #[error("no certificate: {0}")]
    Certificate(String),
    /// Reports bytes that are no RESP2 reply.
    #[error("not a RESP2 reply: {0}")]
    Protocol(String),
    /// Reports any other failure of the operating system or the connection.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for ServerError {
    fn from(error: io::Error) -> Self {
        // A read timeout is WouldBlock on Unix and TimedOut elsewhere.
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            return Self::TimedOut;
        }
        Self::Io(error)
    }
}

impl From<rcgen::Error> for ServerError {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error.to_string())
    }
}

impl From<rustix::io::Errno> for ServerError {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}
