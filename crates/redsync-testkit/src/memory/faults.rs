//! What a test makes go wrong at a server and on the way to it.

use std::{collections::BTreeMap, time::Duration};

use super::error::ErrorReply;

/// What becomes of a message that is to be lost, and what its caller sees of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// It is not lost.
    #[default]
    Never,
    /// It is lost with its connection: the caller sees an error, by which the request may have been executed.
    Broken,
    /// It is lost without a sign: the caller waits until the server is stopped.
    Silent,
}

/// The knobs that stay as they are until a test turns them again.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) request_delay: Duration,
    pub(super) reply_delay: Duration,
    /// What random bits may add to each delay.
    pub(super) jitter: Duration,
    pub(super) request_loss: Loss,
    pub(super) reply_loss: Loss,
    pub(super) refuse_all: Option<ErrorReply>,
    /// By command name in capitals.
    pub(super) refuse: BTreeMap<String, ErrorReply>,
    pub(super) repeat: bool,
    pub(super) extra_polls: usize,
}

impl Faults {
    /// The error with which the server turns `command` away.
    pub(super) fn refusal(&self, command: &str) -> Option<&ErrorReply> {
        // Most servers turn nothing away, and need no name in capitals to know that.
        let by_name = || Some(&self.refuse).filter(|refuse| !refuse.is_empty())?.get(&command.to_uppercase());
        self.refuse_all.as_ref().or_else(by_name)
    }

    /// `delay` and its share of the jitter, which `random` decides if there is any.
    pub(super) fn jittered(&self, delay: Duration, random: impl FnOnce() -> u64) -> Duration {
        if self.jitter.is_zero() {
            return delay;
        }
        let range = u64::try_from(self.jitter.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        delay.saturating_add(Duration::from_nanos(random().checked_rem(range).unwrap_or(0)))
    }
}
