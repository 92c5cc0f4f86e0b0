//! Kills a server when the test process itself is killed.
//!
//! `Drop` does not run in a process that is ended by SIGKILL, and the kernel's parent-death signal can
//! only be set between fork and exec, which takes unsafe code. So a shell waits at a pipe whose other end
//! only this process holds: when the process ends in whatever way, the kernel closes the pipe and the
//! shell kills the server, even a stopped one. The server stays this process's own child, so signals
//! and waiting need no detour.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::ServerError;

const SHELL: &str = "/bin/sh";

/// Is the shell that waits for this process to end.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts to watch over the server with this process id.
    pub(super) fn over(id: u32) -> Result<Self, ServerError> {
        Command::new(SHELL)
            .args(["-c", "read -r _; kill -9 \"$0\"", &id.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Whatever ends the test's process group, by Ctrl-C or a time limit, must not end the watch.
            .process_group(0)
            .spawn()
            .map(Self)
            .map_err(|source| ServerError::BadBinary { path: SHELL.to_owned(), source })
    }

    /// Ends the watch without touching the server.
    pub(super) fn dismiss(&mut self) {
        // Killed before its pipe closes, so it never gets to its own kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Closes the pipe, as the end of this process does.
    #[cfg(test)]
    pub(super) fn close_pipe(&mut self) {
        drop(self.0.stdin.take());
    }
}
