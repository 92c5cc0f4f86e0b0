//! The lock that people use today, with its default options.

use rslock::{Lock, LockManager};

use super::TTL;
use crate::BoxError;

#[derive(Clone)]
pub(crate) struct Locker(LockManager);

impl Locker {
    /// Connects at the first use.
    pub(super) fn to(urls: &[String]) -> Self {
        Self(LockManager::new(urls.iter().map(String::as_str).collect()))
    }
}

impl super::Locker for Locker {
    type Lock = String;
    type Held = Lock;

    async fn named(&self, name: &str) -> Result<String, BoxError> {
        Ok(name.to_owned())
    }

    async fn take(&self, lock: &String) -> Result<Lock, BoxError> {
        Ok(self.0.acquire_no_guard(lock.as_str(), TTL).await?)
    }

    async fn give(&self, held: Lock) -> Result<(), BoxError> {
        held.release().await;
        Ok(())
    }
}
