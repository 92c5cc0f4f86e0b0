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
    /// How many may have granted without a word.
    unknown: usize,
    /// How many may grant yet.
    open: usize,
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
        let unknown = answers.iter().filter(|answer| matches!(answer, Answer::Unknown(_))).count();
        let open = answers.iter().filter(|answer| matches!(answer, Answer::Open)).count();
        let (adopted, not_back) = (others.len(), own.len());
        Self { missing, taken, adopted, not_back, granted, unknown, open, quorum }
    }

    /// The same when nobody is waited for any more.
    pub(super) fn heard_out(self) -> Self {
        Self { open: 0, ..self }
    }

    /// Whether somebody else rotates the same value, so that one of the two has to make room.
    pub(super) fn is_contended(&self) -> bool {
        self.adopted > 0
    }

    fn is_adopted(&self) -> bool {
        self.adopted > 0 && self.quorum.is_blocked_by(self.missing + self.taken + self.adopted)
    }

    /// Whether somebody else is to have it. Of two who share the nodes neither has a quorum, and each has one node at least:
    /// were both sent away, nobody would have the lock.
    fn is_late(&self) -> bool {
        let (ours, may_be_ours) = (self.granted + self.not_back, self.unknown + self.open);
        // Those that are not ours may be of several, none of whom has a quorum either.
        ours == 0 && (self.adopted >= self.quorum.needed() || may_be_ours == 0)
    }

    /// The cause, where no further try can help. A value that is gone does not come back.
    pub(super) fn for_good(&self) -> Option<TransferCause> {
        if self.quorum.is_blocked_by(self.taken) {
            Some(TransferCause::Taken)
        } else if self.quorum.is_blocked_by(self.missing + self.taken) {
            Some(TransferCause::Missing)
        } else if self.is_adopted() && self.is_late() {
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

    const ADOPTED: Answer = Answer::Refused(Refusal::Adopted);

    #[test]
    fn a_rival_is_blamed_where_all_that_answer_refuse_and_one_is_his() {
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

    #[test]
    fn two_who_share_an_even_number_of_nodes_are_not_both_sent_away() {
        let quorum = Quorum::majority(4).expect("four nodes");
        let gone = Answer::Refused(Refusal::Missing);
        let open = || Answer::Open;
        let granted = || Answer::Granted;
        let lost = || Answer::Unknown(NodeError::unknown("connection reset"));
        for (answers, ours, is_late, at_the_end) in [
            ([ADOPTED, ADOPTED, open(), open()], 0, false, true),
            ([ADOPTED, ADOPTED, granted(), granted()], 0, false, false),
            ([ADOPTED, ADOPTED, ADOPTED, ADOPTED], 2, false, false),
            ([ADOPTED, ADOPTED, gone.clone(), lost()], 0, false, false),
            ([ADOPTED, gone.clone(), open(), open()], 0, false, true),
            ([ADOPTED, ADOPTED, ADOPTED, open()], 0, true, true),
            ([ADOPTED, ADOPTED, ADOPTED, ADOPTED], 0, true, true),
        ] {
            let blame = Blame::of(&answers, NodeSet::first(ours), quorum);
            assert_eq!(blame.for_good().is_some(), is_late, "{answers:?}");
            assert_eq!(blame.heard_out().for_good().is_some(), at_the_end, "{answers:?}");
        }
    }
}
