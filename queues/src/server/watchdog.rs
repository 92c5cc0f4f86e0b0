//! Kills a broker and removes its data when the process that has started it was killed, or keeps the broker in a static,
//! which is not dropped.

use std::{
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

const SCRIPT: &str = "\
read -r _
kill -9 \"$@\"
for _ in 1 2 3 4 5 6 7 8 9; do kill -0 \"$@\" && sleep 0.2; done
rm -rf \"$0\"";

/// Is a shell that waits at a pipe whose other end only this process holds.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts to watch over these processes and their directory.
    pub(super) fn over(dir: &Path, pids: &[u32]) -> io::Result<Self> {
        Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .arg(dir)
            .args(pids.iter().map(u32::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Whatever ends the process group, by Ctrl-C or a time limit, must not end the watch.
            .process_group(0)
            .spawn()
            .map(Self)
    }
}

impl Drop for Watchdog {
    /// Ends the watch, before its pipe closes, so that it never gets to its own kill.
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Kills and reaps; both fail only when it has been reaped already.
pub(super) fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
