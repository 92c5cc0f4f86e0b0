//! On which core something runs.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::BoxError;

/// Keeps this thread, and whatever it starts, on one core for as long as this is there.
pub(crate) struct Pinned(CpuSet);

impl Pinned {
    pub(crate) fn to_one_core() -> Result<Self, BoxError> {
        let before = sched_getaffinity(None)?;
        // The first core also serves most interrupts.
        let last = (0..CpuSet::MAX_CPU).rev().find(|core| before.is_set(*core)).ok_or("no core")?;
        let mut one = CpuSet::new();
        one.set(last);
        sched_setaffinity(None, &one)?;
        Ok(Self(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // What was allowed before is allowed again.
        let _ = sched_setaffinity(None, &self.0);
    }
}
