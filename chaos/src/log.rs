//! What a contender writes down while it works: a line for each event, in a file of its own.
//!
//! A line is written by one system call as soon as the event has happened, so that a contender that is killed leaves
//! everything that it saw.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::clock;

/// Is one line: what happened to one attempt at a lock, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) at: u64,
    /// Is unique among the attempts of one contender.
    pub(crate) attempt: u64,
    pub(crate) event: Event,
}

/// Says what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// A call is about to be made; the next event that is not [`Event::Wrote`] is its end.
    Began { call: Call, name: String, deadline: u64 },
    /// The lock is held.
    Locked { valid_until: u64, value: String },
    /// The lock was extended.
    Extended { valid_until: u64 },
    /// The update was appended, after so many records had been seen.
    Wrote { seen: u64 },
    /// Too little validity was left for an update.
    Skipped,
    /// A quorum held the lock until it was released.
    ReleasedHeld,
    /// The release found the lock gone, or could not tell.
    ReleasedOtherwise { how: String },
    /// The call was given up by dropping it, or the guard was dropped or left.
    Dropped,
    /// The call failed.
    Failed { kind: String, text: String },
}

/// Names a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Call {
    Lock,
    TryLock,
    /// A lock whose future is dropped soon.
    LockToDrop,
    Extend,
    Release,
    /// A release by value, after the guard was left.
    Unlock,
    /// The guard is dropped.
    Drop,
    /// The guard is left: the lock stays for its TTL.
    Leave,
}

impl Call {
    /// Tells whether the lock is given back from the beginning of this call on.
    pub(crate) fn gives_back(self) -> bool {
        matches!(self, Self::Release | Self::Unlock | Self::Drop)
    }
}

/// Is the log of one contender.
#[derive(Debug)]
pub(crate) struct Log(File);

impl Log {
    /// Opens the log of the contender with this number.
    pub(crate) fn open(dir: &Path, who: u32) -> io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(path(dir, who)).map(Self)
    }

    /// Writes down what happens now, and returns when that is.
    pub(crate) fn write(&self, attempt: u64, event: Event) -> io::Result<u64> {
        let at = clock::now();
        let mut line = serde_json::to_vec(&Entry { at, attempt, event })?;
        line.push(b'\n');
        (&self.0).write_all(&line)?;
        Ok(at)
    }
}

/// Reads the log of a contender that has ended; one that was killed early may have left none.
pub(crate) fn read(dir: &Path, who: u32) -> io::Result<Vec<Entry>> {
    let text = match fs::read_to_string(path(dir, who)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    text.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}

fn path(dir: &Path, who: u32) -> PathBuf {
    dir.join(format!("contender-{who}.jsonl"))
}
