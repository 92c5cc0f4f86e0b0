//! Real servers, and ways to them.

use std::{collections::BTreeMap, ops::Deref};

use redsync_testkit::server::Servers;

use crate::BoxError;

/// Servers of this run's own.
pub(crate) struct Stage(Servers);

impl Stage {
    pub(crate) fn with(nodes: usize) -> Result<Self, BoxError> {
        Ok(Self(Servers::start(nodes)?))
    }
}

impl Stage {
    /// How often all servers together have carried out each command.
    pub(crate) fn calls(&self) -> Result<BTreeMap<String, u64>, BoxError> {
        let mut all = BTreeMap::new();
        for server in self.iter() {
            let stats = server.command(&["INFO", "commandstats"])?;
            for line in stats.text().unwrap_or_default().lines() {
                if let Some((name, calls)) = calls(line) {
                    *all.entry(name.to_owned()).or_default() += calls;
                }
            }
        }
        Ok(all)
    }

    /// How often all servers together have read from a connection.
    pub(crate) fn reads(&self) -> Result<u64, BoxError> {
        let mut all = 0;
        for server in self.iter() {
            let stats = server.command(&["INFO", "stats"])?;
            let mut lines = stats.text().unwrap_or_default().lines();
            let reads = lines.find_map(|line| line.strip_prefix("total_reads_processed:"));
            all += reads.ok_or("no total_reads_processed")?.parse::<u64>()?;
        }
        Ok(all)
    }
}

/// Of a line such as `cmdstat_set:calls=3,usec=5`.
fn calls(line: &str) -> Option<(&str, u64)> {
    let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
    let (calls, _) = stats.split_once(',')?;
    Some((name, calls.parse().ok()?))
}

impl Deref for Stage {
    type Target = Servers;

    fn deref(&self) -> &Servers {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_their_commands() {
        let stage = Stage::with(2).unwrap();
        for server in stage.iter() {
            assert_eq!(server.command(&["SET", "key", "value"]).unwrap().text(), Some("OK"));
        }
        let calls = stage.calls().unwrap();
        assert_eq!((calls.get("set"), calls.get("get")), (Some(&2), None));
    }
}
