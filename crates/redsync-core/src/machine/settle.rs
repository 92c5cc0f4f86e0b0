//! [`Pacer`]: when to send again what failed in the background.

use std::time::Duration;

use super::{FIRST_RESEND, LAST_RESEND};
use crate::Moment;

/// Paces re-sending, with pauses that double up to a limit.
#[derive(Debug)]
pub(super) struct Pacer {
    at: Option<Moment>,
    pause: Duration,
}

impl Pacer {
    pub(super) const fn new() -> Self {
        Self { at: None, pause: FIRST_RESEND }
    }

    /// Makes sure that a moment to send again is set.
    pub(super) fn arm(&mut self, now: Moment) {
        if self.at.is_none() {
            self.at = Some(now.plus(self.pause));
            self.pause = self.pause.saturating_mul(2).min(LAST_RESEND);
        }
    }

    /// Whether the moment has come; then the next one is to be set anew.
    pub(super) fn is_due(&mut self, now: Moment) -> bool {
        self.at.take_if(|at| *at <= now).is_some()
    }

    /// The moment that is set, or `otherwise` if that comes first.
    pub(super) fn next_or(&self, otherwise: Moment) -> Moment {
        self.at.map_or(otherwise, |at| at.min(otherwise))
    }
}
