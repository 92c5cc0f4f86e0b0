//! [`Blame`]: why a round of a transfer was lost.

use super::TransferCause;
use crate::{
    Answer,
    machine::{GaveUp, NodeSet, Quorum},
    wire::Refusal,
};

/// Who is to blame for a round that was lost.
pub(super) struct Blame {
    /// How many nodes had no value.
    missing: usize,
    /// How many had that of another lock.
    taken: usize,
    /// How many had what somebody else has rotated the value to.
    adopted: usize,
    /// How many granted.
    granted: usize,
    quorum: Quorum,
}

impl Blame {
    /// What was adopted at nodes in `ours` may be what we have not set back yet, and is no sign of anybody else.
    pub(super) fn of(answers: &[Answer], ours: NodeSet, quorum: Quorum) -> Self {
        let count = |refusal: Refusal| {
            answers
                .iter()
                .filter(|answer| matches!(answer, Answer::Refused(other) if *other == refusal))
                .count()
        };
        let taken = count(Refusal::OtherValue) + count(Refusal::Taken) + count(Refusal::SameValue);
        let missing = count(Refusal::Missing);
        let adopted = answers
            .iter()
            .enumerate()
            .filter(|(node, answer)| {
                matches!(answer, Answer::Refused(Refusal::Adopted)) && !ours.contains(*node)
            })
            .count();
        let granted = answers.iter().filter(|answer| matches!(answer, Answer::Granted)).count();
        Self { missing, taken, adopted, granted, quorum }
    }

    /// Whether somebody else rotates the same value, so that one of the two has to make room.
    pub(super) fn is_contended(&self) -> bool {
        self.adopted > 0
    }

    fn is_adopted(&self) -> bool {
        self.adopted > 0 && self.quorum.is_blocked_by(self.missing + self.taken + self.adopted)
    }

    /// The cause, where no further try can help. A value that is gone does not come back.
    pub(super) fn for_good(&self) -> Option<TransferCause> {
        if self.quorum.is_blocked_by(self.taken) {
            Some(TransferCause::Taken)
        } else if self.quorum.is_blocked_by(self.missing + self.taken) {
            Some(TransferCause::Missing)
        } else if self.is_adopted() && self.granted == 0 {
            // Two who share the nodes have one each at least. Who has none is late.
            Some(TransferCause::Adopted)
        } else {
            None
        }
    }

    /// The cause, where there is no further try.
    pub(super) fn after_all(&self, gave_up: GaveUp) -> TransferCause {
        if self.is_adopted() { TransferCause::Adopted } else { TransferCause::GaveUp(gave_up) }
    }
}
