//! [`Resumed`]: a lock that is carried on by its plain value.

use std::{fmt, sync::Arc};

use crate::{Error, Mutex, Redsync, Released};

/// A lock that somebody else has taken, and that is carried on here by its plain value.
///
/// Only the value is known: it has no validity and no fencing number, so that nothing says whether it is held but what
/// [`extend`](Self::extend) and [`release`](Self::release) find. Of two who carry on the same value neither knows of the
/// other; a [token](crate::LockToken) is adopted by one of them. Dropping it does nothing.
#[derive(Clone)]
pub struct Resumed {
    mutex: Mutex,
    value: Arc<str>,
}

impl Redsync {
    /// Carries on the lock called `name` by its value, as workers of Go's redsync do.
    ///
    /// Nothing is sent. [`Mutex::resume`] is the same with options.
    pub fn resume(&self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Resumed {
        self.mutex(name).resume(value)
    }
}

impl Mutex {
    /// Carries on this lock by its value, with the options of this mutex. Nothing is sent.
    pub fn resume(&self, value: impl Into<Arc<str>>) -> Resumed {
        let value = value.into();
        Resumed { mutex: self.clone().with_value(Arc::clone(&value)), value }
    }
}

impl Resumed {
    /// The lock's name, which is its key in Redis.
    pub fn name(&self) -> &str {
        self.mutex.name()
    }

    /// The value that it is carried on by.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Extends the lock, as [`Mutex::extend`] does.
    ///
    /// # Errors
    ///
    /// As [`Mutex::extend`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mutex::extend`].
    pub async fn extend(&self) -> Result<(), Error> {
        self.mutex.extend().await
    }

    /// Releases the lock, as [`Mutex::unlock`] does.
    ///
    /// # Errors
    ///
    /// As [`Mutex::unlock`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mutex::unlock`].
    pub async fn release(&self) -> Result<Released, Error> {
        self.mutex.unlock().await
    }
}

impl fmt::Debug for Resumed {
    /// Without the value, which is a capability.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumed").field("name", &self.mutex.name()).finish_non_exhaustive()
    }
}
