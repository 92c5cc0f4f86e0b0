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
    /// How many had such a value that may be one of ours, which is not set back yet.
    not_back: usize,
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
        let is_adopted = |(_, answer): &(usize, &Answer)| matches!(answer, Answer::Refused(Refusal::Adopted));
        let nodes = answers.iter().enumerate().filter(is_adopted).map(|(node, _)| node);
        let (own, others): (Vec<_>, Vec<_>) = nodes.partition(|node| ours.contains(*node));
        let granted = answers.iter().filter(|answer| matches!(answer, Answer::Granted)).count();
        Self { missing, taken, adopted: others.len(), not_back: own.len(), granted, quorum }
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

    /// The cause, where there is no further try. What is not set back yet is no rival, and no node out of reach either.
    pub(super) fn after_all(&self, gave_up: GaveUp) -> TransferCause {
        let refused = self.missing + self.taken + self.adopted + self.not_back;
        match self.is_contended() && self.quorum.is_blocked_by(refused) {
            true => TransferCause::Adopted,
            false => TransferCause::GaveUp(gave_up),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeError;

    #[test]
    fn a_rival_is_blamed_where_all_that_answer_refuse_and_one_is_his() {
        const ADOPTED: Answer = Answer::Refused(Refusal::Adopted);
        let down = || Answer::Failed(NodeError::not_sent("connection refused"));
        let quorum = Quorum::majority(3).expect("three nodes");
        for (answers, ours, is_rivals) in [
            ([ADOPTED, ADOPTED, down()], NodeSet::EMPTY, true),
            ([ADOPTED, ADOPTED, down()], NodeSet::first(1), true),
            ([ADOPTED, ADOPTED, down()], NodeSet::first(2), false),
            ([ADOPTED, down(), down()], NodeSet::EMPTY, false),
        ] {
            let cause = Blame::of(&answers, ours, quorum).after_all(GaveUp::Tries);
            assert_eq!(matches!(cause, TransferCause::Adopted), is_rivals, "{answers:?} {ours:?}");
        }
    }
}
