//! What all processes of a run agree on.

use std::{path::PathBuf, time::Duration};

use redsync_tests::Driver;
use serde::{Deserialize, Serialize};

/// Is the TTL of every lock, and so the longest in use.
pub(crate) const TTL: Duration = Duration::from_secs(2);
/// Is the deadline of every call.
pub(crate) const DEADLINE: Duration = Duration::from_millis(1500);
/// Is how much validity has to be left for an update.
pub(crate) const MARGIN: Duration = Duration::from_millis(200);
/// Is what a call may take beyond its deadline, while its process was not stopped: tasks of a busy machine wait for a
/// processor, and the logs for the disk.
pub(crate) const SLACK: Duration = Duration::from_secs(2);

/// Lists the locks: some for values that are generated, labelled, and fixed by the caller.
pub(crate) const LOCKS: [(&str, Values); 10] = [
    ("plain-1", Values::Generated),
    ("plain-2", Values::Generated),
    ("plain-3", Values::Generated),
    ("plain-4", Values::Generated),
    ("label-1", Values::Labelled),
    ("label-2", Values::Labelled),
    ("fixed-1", Values::Fixed),
    ("fixed-2", Values::Fixed),
    ("fixed-3", Values::Fixed),
    ("fixed-4", Values::Fixed),
];

/// Says where the values of a lock come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    Generated,
    Labelled,
    /// Each task has one value for all of its attempts. No two tasks share one, not even over processes, unless
    /// [`Orders::same_value`] says so: callers are told to rule that out, and there is one case that stays open.
    Fixed,
}

/// Tells a contender all that it has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Is unique in a run: a contender that replaces another has a number of its own.
    pub(crate) who: u32,
    pub(crate) seed: u64,
    /// Is a name that [`driver`] knows.
    pub(crate) driver: String,
    pub(crate) urls: Vec<String>,
    /// Holds the logs and the ledgers.
    pub(crate) dir: PathBuf,
    pub(crate) tasks: u32,
    /// Whether all tasks share their fixed values.
    pub(crate) same_value: bool,
}

/// Returns the name by which a driver is asked for.
pub(crate) fn name(driver: Driver) -> &'static str {
    match driver {
        Driver::RedisRs => "redis-rs",
        Driver::Fred => "fred",
    }
}

/// Finds the driver of this name.
pub(crate) fn driver(text: &str) -> Result<Driver, String> {
    let known = Driver::ALL.into_iter().find(|driver| name(*driver) == text);
    known.ok_or_else(|| format!("not a driver: {text}; there are redis-rs and fred"))
}
