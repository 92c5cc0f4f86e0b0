//! [`Work`]: what a handler knows of the job that it is called for, and what it can say of it.

use std::sync::{Arc, OnceLock};

use redsync_core::{Guard, Lost};

/// What a handler knows of the job that it is called for, and of the lock that it works under.
#[derive(Debug)]
#[non_exhaustive]
pub struct Work {
    /// The lock's name.
    pub name: String,
    /// Its fencing number, greater than that of every earlier holder, where it has one.
    pub fence: Option<u64>,
    /// Which attempt this is, as far as the broker tells: see [`Message::attempt`](crate::Message::attempt).
    pub attempt: Option<u64>,
    /// Resolves when the lock is lost. The handler is stopped then at its next await; this is for what it has started
    /// elsewhere.
    pub lost: Lost,
    last_word: LastWord,
}

/// Why a handler wants no further attempt, if it does. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWord(Arc<OnceLock<String>>);

impl Work {
    pub(crate) fn new(guard: &Guard, attempt: Option<u64>, last_word: LastWord) -> Self {
        Self { name: guard.name().to_owned(), fence: guard.fence(), attempt, lost: guard.lost(), last_word }
    }

    /// Says that no further attempt will do any good: where the handler fails after that, the job is
    /// [given up](crate::Outcome::GivenUp), for this reason. Where it does not fail, nothing comes of it. The first reason
    /// counts.
    ///
    /// ```
    /// use redsync_queue::Work;
    ///
    /// # enum Failure { NoSuchReport, DiskFull }
    /// # async fn write(report: u32) -> Result<(), Failure> { Ok(()) }
    /// async fn handle(work: Work, report: u32) -> Result<(), Failure> {
    ///     let written = write(report).await;
    ///     if let Err(Failure::NoSuchReport) = written {
    ///         work.give_up("there is no such report");
    ///     }
    ///     written
    /// }
    /// ```
    pub fn give_up(&self, why: impl Into<String>) {
        // Only the first is taken.
        drop(self.last_word.0.set(why.into()));
    }
}

impl LastWord {
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}
