//! The shared file of a lock, which contenders read, modify and write while they hold it.
//!
//! An update reads the counter in the last record and, a moment later, appends a record with the next number. Each
//! record tells who wrote it, and how many records its writer had seen. Two updates at once both append, and the
//! later one has seen one record too few: an update is lost.
//!
//! A holder can be stopped between its last look at its guard and its append, and append when the lock is another's.
//! No lock can prevent that. So nothing is ever overwritten: a late record stays where it was appended, and can be told
//! from a fault of the lock by the writer's log, which says when the append was over.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const LENGTH: usize = 64;

/// Is one update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// How many records the writer had seen.
    pub(crate) seen: u64,
    /// The counter that it has written.
    pub(crate) counter: u64,
    pub(crate) who: u32,
    pub(crate) attempt: u64,
}

/// Is the open file of one lock.
#[derive(Debug)]
pub(crate) struct Ledger(File);

impl Ledger {
    /// Opens the file of the lock called `name`.
    pub(crate) fn open(dir: &Path, name: &str) -> io::Result<Self> {
        OpenOptions::new().create(true).read(true).append(true).open(path(dir, name)).map(Self)
    }

    /// Returns how many records there are, and the counter in the last one.
    pub(crate) fn look(&self) -> io::Result<(u64, u64)> {
        let seen = self.0.metadata()?.len() / LENGTH as u64;
        let Some(last) = seen.checked_sub(1) else { return Ok((0, 0)) };
        let mut bytes = [0; LENGTH];
        self.0.read_exact_at(&mut bytes, last * LENGTH as u64)?;
        Ok((seen, parse(&bytes)?.counter))
    }

    /// Appends a record, by one system call.
    pub(crate) fn append(&self, record: Record) -> io::Result<()> {
        let Record { seen, counter, who, attempt } = record;
        let text = format!("{seen:>14} {counter:>14} {who:>14} {attempt:>18}\n");
        (&self.0).write_all(text.as_bytes())
    }
}

/// Reads all records of the lock called `name`.
pub(crate) fn read(dir: &Path, name: &str) -> io::Result<Vec<Record>> {
    let bytes = match fs::read(path(dir, name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        bytes => bytes?,
    };
    bytes.chunks(LENGTH).map(parse).collect()
}

fn parse(bytes: &[u8]) -> io::Result<Record> {
    let text = String::from_utf8_lossy(bytes);
    let mut numbers = text.split_whitespace().map_while(|word| word.parse::<u64>().ok());
    let mut next = || numbers.next().ok_or_else(|| io::Error::other(format!("not a record: {text:?}")));
    let (seen, counter, who, attempt) = (next()?, next()?, next()?, next()?);
    let who = u32::try_from(who).map_err(io::Error::other)?;
    Ok(Record { seen, counter, who, attempt })
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("ledger-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_one_length_and_are_read_as_they_were_written() {
        let dir = std::env::temp_dir().join(format!("redsync-ledger-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let ledger = Ledger::open(&dir, "a").unwrap();
        assert_eq!(ledger.look().unwrap(), (0, 0));
        let records =
            [1, 99_999_999_999].map(|counter| Record { seen: 0, counter, who: 7, attempt: counter });
        for record in records {
            ledger.append(record).unwrap();
        }
        assert_eq!(ledger.look().unwrap(), (2, 99_999_999_999));
        assert_eq!(read(&dir, "a").unwrap(), records);
        fs::remove_dir_all(dir).unwrap();
    }
}
