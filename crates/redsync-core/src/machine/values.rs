//! [`Values`]: the lock values of an acquire, round by round.

use super::{NodeSet, Source, ValueError};
use crate::Value;

/// Hands out the value that the caller fixed, or one from the source for each round.
#[derive(Clone, Debug)]
pub(super) struct Values<S> {
    fixed: Option<Value>,
    source: S,
    /// Whether the source is known never to repeat a value.
    is_fresh: bool,
    /// Drawn ahead from a source that may repeat itself, to find out whether it does.
    ahead: Option<Value>,
    repeats: bool,
}

impl<S: Source> Values<S> {
    pub(super) fn new(fixed: Option<Value>, source: S, is_fresh: bool) -> Self {
        Self { fixed, source, is_fresh, ahead: None, repeats: false }
    }

    /// The value of the next round, and whether rivals may use it too.
    ///
    /// A source that repeats itself, be it with a value that `is_used` already, is a fixed value in disguise.
    pub(super) fn next(&mut self, is_used: impl Fn(&Value) -> bool) -> Result<(Value, bool), ValueError> {
        if let Some(value) = &self.fixed {
            return Ok((value.clone(), true));
        }
        let value = self.ahead.take().map_or_else(|| self.source.value(), Ok)?;
        if !self.is_fresh {
            self.ahead = self.source.value().ok();
            self.repeats |= self.ahead.as_ref() == Some(&value) || is_used(&value);
        }
        Ok((value, self.repeats))
    }

    /// The nodes where an earlier call may still disturb this value, or be disturbed by it.
    pub(super) fn in_doubt(&self, value: &Value) -> NodeSet {
        self.source.in_doubt(value)
    }

    pub(super) fn random(&mut self) -> u64 {
        self.source.random()
    }
}
