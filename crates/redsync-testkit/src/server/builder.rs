//! Settings of a test server.

use std::path::PathBuf;

use super::process::Plan;
use super::{Server, ServerError, binary};

/// Collects the settings of a [`Server`].
///
/// ```
/// use redsync_testkit::server::Server;
///
/// let server = Server::builder().config("maxmemory 10mb").args(["--hz", "100"]).start()?;
/// assert_eq!(server.command(&["CONFIG", "GET", "hz"])?.items()[1].text(), Some("100"));
/// # Ok::<(), redsync_testkit::server::ServerError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Builder {
    binary: Option<PathBuf>,
    args: Vec<String>,
    config: Vec<String>,
}

impl Builder {
    /// Runs this program instead of the one that is found.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Adds one command-line argument, such as `--sentinel`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds command-line arguments, such as `["--hz", "100"]`; they override configuration lines.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds one line to the configuration file, after the launcher's own lines, which it overrides.
    #[must_use]
    pub fn config(mut self, line: impl Into<String>) -> Self {
        self.config.push(line.into());
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    ///
    /// Fails with one line that tells what to install when there is no server program, and with the
    /// server's log when it does not become ready.
    pub fn start(self) -> Result<Server, ServerError> {
        let binary = self.binary.map_or_else(binary::find, Ok)?;
        Server::launch(Plan { binary, args: self.args, config: self.config })
    }
}
