//! What this is all about.

use redsync_core::{Guard, Mutex, Redsync, Released};

use super::TTL;
use crate::BoxError;

impl super::Locker for Redsync {
    type Lock = Mutex;
    type Held = Guard;

    /// It waits for as long as it takes, as the others do. By then all nodes are connected, as the others' are; `connect`
    /// waits for a majority alone.
    async fn named(&self, name: &str) -> Result<Mutex, BoxError> {
        self.mutex(format!("{name}: connected")).wait_for_all(true).lock().await?.release().await?;
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

/// The same with fencing numbers.
#[derive(Clone)]
pub(crate) struct Fenced(pub(super) Redsync);

impl super::Locker for Fenced {
    type Lock = Mutex;
    type Held = Guard;

    async fn named(&self, name: &str) -> Result<Mutex, BoxError> {
        Ok(self.0.named(name).await?.fenced())
    }

    async fn take(&self, lock: &Mutex) -> Result<Guard, BoxError> {
        self.0.take(lock).await
    }

    async fn give(&self, held: Guard) -> Result<(), BoxError> {
        self.0.give(held).await
    }
}
