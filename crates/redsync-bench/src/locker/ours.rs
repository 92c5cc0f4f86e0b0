//! What this is all about.

use redsync_core::{Guard, Mutex, Redsync, Released};

use super::TTL;
use crate::BoxError;

impl super::Locker for Redsync {
    type Lock = Mutex;
    type Held = Guard;

    /// It waits for as long as it takes, as the others do.
    async fn named(&self, name: &str) -> Result<Mutex, BoxError> {
        Ok(self.mutex(name).ttl(TTL).tries(u32::MAX))
    }

    async fn take(&self, lock: &Mutex) -> Result<Guard, BoxError> {
        Ok(lock.lock().await?)
    }

    async fn give(&self, held: Guard) -> Result<(), BoxError> {
        let released = held.release().await?;
        if released == Released::Held { Ok(()) } else { Err(format!("{released:?}").into()) }
    }
}
