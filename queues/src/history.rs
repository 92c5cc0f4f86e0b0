//! What happened, in one file that all processes append to.
//!
//! Each line is written by one system call to a file that is open for appending, so that the order of the lines is the order
//! in which they were written, whoever has written them, and a process that is killed leaves all that it has seen. The time
//! of a line is for whoever reads the logs of a broker beside it.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
    str::FromStr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::time::sleep;

use crate::Failure;

const POLL_EVERY: Duration = Duration::from_millis(10);
const NOBODY: &str = "-";

/// What happened to a job, to a worker, or to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The broker has confirmed the message.
    Published,
    /// It has not, for this reason: the message may be there all the same.
    Unpublished,
    /// A message was delivered, and not before as far as its broker knows.
    First,
    /// A message was delivered that may have been before.
    Again,
    /// A message came without a lock, and its job was not begun, for this reason.
    Refused,
    /// The lock is held, and the job begins.
    Begin,
    /// The job is done; the lock is still held.
    End,
    /// The job was tried in vain; the lock is still held.
    Failed,
    /// The job was dropped, because its lock was lost.
    Stopped,
    /// The worker is through with the message: this became of the job, the lock and the message.
    Told,
    /// The message is among the dead letters, for this reason.
    Dead,
    /// This worker was killed, and is gone.
    Killed,
    /// The broker is about to be ended, in this way.
    Down,
    /// The broker serves again.
    Up,
}

impl What {
    const ALL: [Self; 14] = [
        Self::Published,
        Self::Unpublished,
        Self::First,
        Self::Again,
        Self::Refused,
        Self::Begin,
        Self::End,
        Self::Failed,
        Self::Stopped,
        Self::Told,
        Self::Dead,
        Self::Killed,
        Self::Down,
        Self::Up,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unpublished => "unpublished",
            Self::First => "first",
            Self::Again => "again",
            Self::Refused => "refused",
            Self::Begin => "begin",
            Self::End => "end",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Told => "told",
            Self::Dead => "dead",
            Self::Killed => "killed",
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was written, in milliseconds since 1970.
    pub at: u64,
    /// What happened.
    pub what: What,
    /// To which job, if to one.
    pub job: String,
    /// The name of its lock.
    pub name: String,
    /// By the process with this id, or to it.
    pub pid: u32,
    /// Why, where there is something to say.
    pub why: String,
}

impl Entry {
    /// Whether it happened to a job, and not to a worker or to the broker.
    #[must_use]
    pub fn is_of_a_job(&self) -> bool {
        self.job != NOBODY
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, what, job, name, pid, why } = self;
        write!(f, "{at} {} {job} {name} {pid}", what.word())?;
        if why.is_empty() { Ok(()) } else { write!(f, " {why}") }
    }
}

impl FromStr for Entry {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.splitn(6, ' ');
        let mut entry = || {
            let at = words.next()?.parse().ok()?;
            let what =
                words.next().and_then(|word| What::ALL.into_iter().find(|what| what.word() == word))?;
            let (job, name) = (words.next()?.to_owned(), words.next()?.to_owned());
            let pid = words.next()?.parse().ok()?;
            let why = words.next().unwrap_or_default().to_owned();
            Some(Self { at, what, job, name, pid, why })
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

    /// Notes what happens to a job in this process, and why.
    pub(crate) fn note(&self, what: What, job: &Job, why: &str) -> io::Result<()> {
        self.write(what, &job.id, &job.name, std::process::id(), why)
    }

    /// Notes that a worker is gone, which has to be reaped by then.
    pub(crate) fn killed(&self, pid: u32) -> io::Result<()> {
        self.write(What::Killed, NOBODY, NOBODY, pid, "")
    }

    /// Notes what this process does to the broker.
    pub(crate) fn broker(&self, what: What, how: &str) -> io::Result<()> {
        self.write(what, NOBODY, NOBODY, std::process::id(), how)
    }

    fn write(&self, what: What, job: &str, name: &str, pid: u32, why: &str) -> io::Result<()> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let (at, why) = (u64::try_from(at).unwrap_or(u64::MAX), why.replace(['\r', '\n'], " "));
        let entry = Entry { at, what, job: job.to_owned(), name: name.to_owned(), pid, why };
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

    pub(crate) fn of(&self, what: What) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.what == what)
    }

    pub(crate) fn count(&self, what: What) -> usize {
        self.of(what).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written_and_others_are_refused() {
        for (what, why) in What::ALL.into_iter().flat_map(|what| [(what, ""), (what, "no lock: gone")]) {
            let (job, name, why) = ("j1".to_owned(), "n1".to_owned(), why.to_owned());
            let entry = Entry { at: 9, what, job, name, pid: 7, why };
            assert_eq!(entry.to_string().parse(), Ok(entry));
        }
        let lines =
            ["", "9", "9 begin", "9 begin j1 n1", "9 begin j1 n1 x", "9 began j1 n1 7", "x begin j1 n1 7"];
        for line in lines {
            line.parse::<Entry>().unwrap_err();
        }
    }

    #[test]
    fn a_line_is_read_once_its_end_is_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut history = History::open(file.path()).unwrap();
        for (text, count) in [("9 begin j1 n1 7\n9 en", 1), ("d j1 n1", 1), (" 7\n", 2)] {
            file.as_file().write_all(text.as_bytes()).unwrap();
            history.read_on().unwrap();
            assert_eq!(history.entries.len(), count);
        }
    }

    #[test]
    fn a_reason_of_several_lines_is_one_line_with_its_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (log, mut history) = (Log::open(file.path()).unwrap(), History::open(file.path()).unwrap());
        let job = Job { id: "j1".to_owned(), name: "n1".to_owned() };
        log.note(What::Refused, &job, "expired:\nsince long").unwrap();
        log.killed(7).unwrap();
        log.broker(What::Down, "Kill").unwrap();
        history.read_on().unwrap();
        let found = history.entries.iter().map(|entry| (entry.what, entry.is_of_a_job(), entry.why.as_str()));
        let expected = [
            (What::Refused, true, "expired: since long"),
            (What::Killed, false, ""),
            (What::Down, false, "Kill"),
        ];
        assert!(found.eq(expected), "{:?}", history.entries);
        // Whatever the clock says, it has been set.
        assert!(history.entries.iter().all(|entry| entry.at > 1_700_000_000_000), "{:?}", history.entries);
    }
}
