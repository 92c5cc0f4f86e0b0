//! A master and its replica: in step, or cut off from each other.

use std::time::Duration;

use super::patience::until;
use super::{Server, ServerError};

/// What copies a master's data needs in its configuration: a replica attaches without a pause.
pub(super) const CONFIG: [&str; 2] = ["repl-diskless-sync yes", "repl-diskless-sync-delay 0"];

/// How long a replica's link to its master is tried again after.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Server {
    /// Waits until this replica has a link to its master and all of the master's data.
    pub(super) fn attached(&self) -> Result<(), ServerError> {
        until("a replica is attached to its master", || {
            Ok(self.info("replication", "master_link_status")?.as_deref() == Some("up"))
        })
    }

    /// Waits until `replica` has executed everything that this master has.
    pub(super) fn replicated_to(&self, replica: &Self) -> Result<(), ServerError> {
        let offset = self.info("replication", "master_repl_offset")?;
        let target = number(offset);
        until("a replica has what its master had", || {
            Ok(number(replica.info("replication", "slave_repl_offset")?) >= target)
        })
    }

    /// Stops `replica` and ends its link to this master: what is written from now on never gets there.
    ///
    /// Stopping alone would not do, since what is on its way is read later, from the kernel's buffer.
    pub(super) fn cut_off(&self, replica: &Self) -> Result<(), ServerError> {
        self.replicated_to(replica)?;
        replica.pause()?;
        let killed = self.client(TIMEOUT)?.command(&["CLIENT", "KILL", "TYPE", "replica"])?.accepted()?;
        if killed.int() == Some(0) {
            return Err(ServerError::InVain { what: "a replica is cut off" });
        }
        Ok(())
    }

    /// Tells whether this server takes writes as a master.
    pub(super) fn is_master(&self) -> Result<bool, ServerError> {
        Ok(self.info("replication", "role")?.as_deref() == Some("master"))
    }
}

fn number(text: Option<String>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}
