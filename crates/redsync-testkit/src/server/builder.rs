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
    password: Option<String>,
    tls: bool,
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

    /// Listens with TLS as well, under a certificate for `localhost` and 127.0.0.1 that is made for this server.
    ///
    /// Its address is [`Server::tls_url`], and [`Server::ca_pem`] is whom clients have to trust.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Asks everyone for this password, which [`Server::command`] and [`Server::client`] give by themselves.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        let password = password.into();
        self.config.push(format!("requirepass \"{password}\""));
        self.password = Some(password);
        self
    }

    /// Lets in a user with a password and ACL rules of its own, such as [`LOCKER_RULES`](super::LOCKER_RULES).
    #[must_use]
    pub fn user(self, name: &str, password: &str, rules: &str) -> Self {
        self.config(format!("user {name} on >{password} {rules}"))
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    ///
    /// Fails with one line that tells what to install when there is no server program, and with the
    /// server's log when it does not become ready.
    pub fn start(self) -> Result<Server, ServerError> {
        let binary = self.binary.map_or_else(binary::find, Ok)?;
        let Self { args, config, password, tls, .. } = self;
        Server::launch(Plan { binary, args, config, password, tls })
    }
}
