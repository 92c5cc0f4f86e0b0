//! What happened, in one file that all processes append to.
//!
//! Each line is written by one system call to a file that is open for appending, so that the order of the lines is the order
//! in which they were written, whoever has written them, and a process that is killed leaves all that it has seen.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
    str::FromStr,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::Failure;

const POLL_EVERY: Duration = Duration::from_millis(10);
const NOBODY: &str = "-";

/// What happened to a job, or to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A message was delivered that may have been before.
    Again,
    /// A message came without a lock, and its job was not begun.
    Refused,
    /// The lock is held, and the job begins.
    Begin,
    /// The job is done; the lock is still held.
    End,
    /// The job was tried in vain; the lock is still held.
    Failed,
    /// The job was dropped, because its lock was lost.
    Stopped,
    /// This worker was killed, and is gone.
    Killed,
}

impl What {
    const ALL: [Self; 7] =
        [Self::Again, Self::Refused, Self::Begin, Self::End, Self::Failed, Self::Stopped, Self::Killed];

    fn word(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Refused => "refused",
            Self::Begin => "begin",
            Self::End => "end",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub what: What,
    /// To which job.
    pub job: String,
    /// The name of its lock.
    pub name: String,
    /// By the process with this id, or to it.
    pub pid: u32,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, job, name, pid } = self;
        write!(f, "{} {job} {name} {pid}", what.word())
    }
}

impl FromStr for Entry {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split(' ');
        let mut entry = || {
            let what =
                words.next().and_then(|word| What::ALL.into_iter().find(|what| what.word() == word))?;
            let (job, name) = (words.next()?.to_owned(), words.next()?.to_owned());
            let pid = words.next()?.parse().ok()?;
            words.next().is_none().then_some(Self { what, job, name, pid })
        };
        entry().ok_or_else(|| format!("not a line of a history: {line}"))
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) id: String,
    /// The name of its lock.
    pub(crate) name: String,
}

impl Job {
    /// What goes into the queue.
    pub(crate) fn body(&self) -> String {
        format!("{} {}", self.id, self.name)
    }

    pub(crate) fn from_body(body: &[u8]) -> Result<Self, Failure> {
        let (id, name) = str::from_utf8(body)?.split_once(' ').ok_or("a job without a name")?;
        Ok(Self { id: id.to_owned(), name: name.to_owned() })
    }
}

/// The file, to be written to.
#[derive(Debug)]
pub(crate) struct Log(File);

impl Log {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(path).map(Self)
    }

    /// Notes what happens to a job in this process.
    pub(crate) fn note(&self, what: What, job: &Job) -> io::Result<()> {
        let (job, name) = (job.id.clone(), job.name.clone());
        self.write(&Entry { what, job, name, pid: std::process::id() })
    }

    /// Notes that a worker is gone, which has to be reaped by then.
    pub(crate) fn killed(&self, pid: u32) -> io::Result<()> {
        self.write(&Entry { what: What::Killed, job: NOBODY.to_owned(), name: NOBODY.to_owned(), pid })
    }

    fn write(&self, entry: &Entry) -> io::Result<()> {
        (&self.0).write_all(format!("{entry}\n").as_bytes())
    }
}

/// The file, as far as it was read.
#[derive(Debug)]
pub(crate) struct History {
    file: File,
    /// The beginning of a line whose end was not there yet.
    rest: String,
    pub(crate) entries: Vec<Entry>,
}

impl History {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, rest: String::new(), entries: Vec::new() })
    }

    /// Reads what has been added.
    pub(crate) fn read_on(&mut self) -> Result<(), Failure> {
        self.file.read_to_string(&mut self.rest)?;
        let whole = self.rest.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(whole);
        for line in std::mem::replace(&mut self.rest, rest).lines() {
            self.entries.push(line.parse()?);
        }
        Ok(())
    }

    /// Reads on until this holds.
    pub(crate) async fn wait(
        &mut self,
        what: &str,
        within: Duration,
        mut holds: impl FnMut(&[Entry]) -> bool,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + within;
        loop {
            self.read_on()?;
            if holds(&self.entries) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{within:?} are over, and it is not so: {what}").into());
            }
            sleep(POLL_EVERY).await;
        }
    }

    pub(crate) fn count(&self, what: What) -> usize {
        self.entries.iter().filter(|entry| entry.what == what).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written_and_others_are_refused() {
        for what in What::ALL {
            let entry = Entry { what, job: "j1".to_owned(), name: "n1".to_owned(), pid: 7 };
            assert_eq!(entry.to_string().parse(), Ok(entry));
        }
        for line in ["", "begin", "begin j1 n1", "begin j1 n1 x", "began j1 n1 7", "begin j1 n1 7 8"] {
            line.parse::<Entry>().unwrap_err();
        }
    }

    #[test]
    fn a_line_is_read_once_its_end_is_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut history = History::open(file.path()).unwrap();
        for (text, count) in [("begin j1 n1 7\nen", 1), ("d j1 n1", 1), (" 7\n", 2)] {
            file.as_file().write_all(text.as_bytes()).unwrap();
            history.read_on().unwrap();
            assert_eq!(history.entries.len(), count);
        }
    }
}
