//! [`GuardError`]: an error that gives the guard back.

use std::{error::Error as StdError, fmt};

use super::{Error, ErrorKind};
use crate::Guard;

/// A call that would have ended a guard and failed, with the guard.
///
/// Dropping it releases the lock in the background.
pub struct GuardError {
    error: Error,
    guard: Box<Guard>,
}

impl GuardError {
    pub(crate) fn new(error: Error, guard: Guard) -> Self {
        Self { error, guard: Box::new(guard) }
    }

    /// Why the call failed.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Who has to act.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// Gives the guard back, to try again or to [leave](Guard::leave) the lock to its TTL. What the failed call says of
    /// the guard's validity holds.
    pub fn into_guard(self) -> Guard {
        *self.guard
    }
}

/// Drops the guard, so that the lock is released in the background.
impl From<GuardError> for Error {
    fn from(error: GuardError) -> Self {
        error.error
    }
}

impl fmt::Debug for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl StdError for GuardError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
