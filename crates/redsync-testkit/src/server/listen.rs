//! Where a server listens: its ports and its Unix socket, which stay the same over restarts.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use super::{Server, certificate, free_port};

/// The longest directory that leaves room for a socket's path, which ends at 104 bytes on some systems.
const ROOM: usize = 60;

/// Says where a server listens.
#[derive(Debug, Clone)]
pub(super) struct Listen {
    /// Holds the socket and the certificate.
    root: PathBuf,
    pub(super) port: u16,
    tls_port: Option<u16>,
}

impl Listen {
    /// Draws free ports.
    pub(super) fn draw(root: &Path, tls: bool) -> io::Result<Self> {
        let tls_port = tls.then(free_port).transpose()?;
        Ok(Self { root: root.to_owned(), port: free_port()?, tls_port })
    }

    pub(super) fn config_text(&self) -> String {
        let tls = self.tls_port.map(|port| tls_text(&self.root, port)).unwrap_or_default();
        format!("bind 127.0.0.1\nport {}\nunixsocket \"{}\"\n{tls}", self.port, self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.root.join("socket")
    }
}

fn tls_text(root: &Path, port: u16) -> String {
    let file = |name| root.join(name).display().to_string();
    let (ca, chain, key) =
        (file(certificate::AUTHORITY), file(certificate::CERTIFICATE), file(certificate::KEY));
    format!(
        "tls-port {port}\ntls-cert-file \"{chain}\"\ntls-key-file \"{key}\"\ntls-ca-cert-file \"{ca}\"\n\
         tls-auth-clients no\n"
    )
}

/// Returns the system's directory for temporary files, or `/tmp` where a socket's path would get too long.
pub(super) fn short_temp_dir() -> PathBuf {
    let dir = env::temp_dir();
    if dir.as_os_str().len() <= ROOM { dir } else { PathBuf::from("/tmp") }
}

impl Server {
    /// Returns the path of the Unix socket on which the server listens as well.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.listen.socket()
    }

    /// Returns the address for TLS, such as `rediss://127.0.0.1:17002`; nothing where
    /// [`Builder::tls`](super::Builder::tls) was not asked for.
    #[must_use]
    pub fn tls_url(&self) -> Option<String> {
        self.listen.tls_port.map(|port| format!("rediss://127.0.0.1:{port}"))
    }

    /// Returns the certificate of the authority that vouches for this server, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> Option<String> {
        std::fs::read_to_string(self.listen.root.join(certificate::AUTHORITY)).ok()
    }
}
