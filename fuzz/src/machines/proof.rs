//! [`Proofs`]: what the nodes said of each value, and [`Claim`]: what a result may claim by that.

use std::collections::BTreeMap;

use redsync_core::{
    Moment, Released, Value,
    machine::{AcquireFailure, ExtendFailure, Lease, NodeSet, ReleaseFailure, TransferFailure},
    wire::{Command, Outcome, Refusal},
};

use super::plans::Plan;

/// What was asked of a node about one value, and what it said.
#[derive(Clone, Copy, Default)]
struct Proof {
    /// Requests that may set or lengthen it, and those of them that certainly did not.
    asked: usize,
    in_vain: usize,
    grants: usize,
    /// How often it was found missing by a request that was to lengthen it.
    missing: usize,
    deletes: usize,
    deletes_that_failed: usize,
    deleted: usize,
    /// Whether the node said that this very value stood there already.
    same: bool,
}

#[derive(Default)]
pub(super) struct Proofs(BTreeMap<(Value, usize), Proof>);

impl Proofs {
    pub(super) fn note_sent(&mut self, node: usize, command: &Command) {
        let proof = self.of(node, command);
        match command {
            Command::Acquire { .. }
            | Command::Extend { .. }
            | Command::Rotate { .. }
            | Command::Raise { .. } => {
                proof.asked += 1;
            }
            Command::Release { .. } => {
                let may_be_there = proof.asked == 0 || proof.in_vain < proof.asked;
                assert!(may_be_there, "node {node} said that it had not set it");
                proof.deletes += 1;
            }
        }
    }

    pub(super) fn note_reply(&mut self, node: usize, command: &Command, outcome: &Outcome) {
        let proof = self.of(node, command);
        match (command, outcome) {
            (Command::Release { .. }, Outcome::Failed(_)) => proof.deletes_that_failed += 1,
            (Command::Release { .. }, Outcome::Granted(_) | Outcome::Revived) => proof.deleted += 1,
            (Command::Acquire { .. }, Outcome::Refused(Refusal::SameValue)) => proof.same = true,
            (
                Command::Acquire { .. }
                | Command::Extend { .. }
                | Command::Rotate { .. }
                | Command::Raise { .. },
                Outcome::Granted(_) | Outcome::Revived,
            ) => proof.grants += 1,
            (Command::Acquire { .. }, Outcome::Refused(_) | Outcome::Failed(_)) => proof.in_vain += 1,
            (Command::Extend { .. }, Outcome::Refused(Refusal::Missing)) => proof.missing += 1,
            (Command::Release { .. }, Outcome::Refused(_) | Outcome::Unknown(_))
            | (Command::Acquire { .. }, Outcome::Unknown(_))
            | (
                Command::Extend { .. } | Command::Rotate { .. } | Command::Raise { .. },
                Outcome::Refused(_) | Outcome::Failed(_) | Outcome::Unknown(_),
            ) => {}
        }
    }

    fn of(&mut self, node: usize, command: &Command) -> &mut Proof {
        self.0.entry((command.value().clone(), node)).or_default()
    }

    /// The nodes of whose word about a value this holds.
    fn nodes(&self, holds: impl Fn(&Value, &Proof) -> bool) -> NodeSet {
        self.0.iter().filter(|((value, _), proof)| holds(value, proof)).map(|((_, node), _)| *node).collect()
    }

    /// Of a value that rivals may use too, one delete more could hit theirs.
    fn assert_deletes(&self, most: impl Fn(&Proof) -> usize) {
        for ((_, node), proof) in &self.0 {
            assert!(proof.deletes <= most(proof), "node {node}: a rival's could be hit");
        }
    }
}

/// A result of a machine, which must not claim more than the nodes said.
pub(super) trait Claim {
    /// Checks what was sent until the machine came to rest.
    fn check_at_rest(proofs: &Proofs, plan: &Plan);

    fn check(&self, proofs: &Proofs, plan: &Plan, now: Moment);
}

impl Claim for Result<Lease, AcquireFailure> {
    fn check_at_rest(proofs: &Proofs, plan: &Plan) {
        if plan.exact {
            proofs.assert_deletes(|proof| proof.grants + proof.deletes_that_failed);
        }
    }

    fn check(&self, proofs: &Proofs, plan: &Plan, now: Moment) {
        match self {
            Ok(lease) => {
                let is_grant = |proof: &Proof| proof.grants > 0 || (proof.same && !lease.exact);
                let granted = proofs.nodes(|value, proof| *value == lease.value && is_grant(proof));
                assert!(granted.len() >= plan.quorum.needed(), "no quorum granted it");
                assert!(lease.held.without(granted).is_empty(), "held where nobody granted it");
                assert!(now < lease.valid_until, "too late");
                assert!(
                    lease.valid_until <= now.plus(plan.ttl.as_duration()),
                    "valid for longer than its TTL"
                );
            }
            Err(failure) => assert!(failure.tries <= plan.tries, "{} tries", failure.tries),
        }
    }
}

impl Claim for Result<Moment, ExtendFailure> {
    fn check_at_rest(proofs: &Proofs, plan: &Plan) {
        if plan.exact {
            proofs.assert_deletes(|_| 0);
        }
    }

    fn check(&self, proofs: &Proofs, plan: &Plan, now: Moment) {
        match self {
            Ok(valid_until) => {
                let granted = proofs.nodes(|_, proof| proof.grants > 0);
                assert!(granted.len() >= plan.quorum.needed(), "no quorum extended it");
                if plan.fills() {
                    let missing = proofs.nodes(|_, proof| proof.missing > 0);
                    let missed_it = missing.union(plan.refilled).len();
                    assert!(missed_it < plan.quorum.needed(), "a rival may have had a quorum");
                }
                assert!(now < *valid_until, "too late");
                assert!(*valid_until <= now.plus(plan.ttl.as_duration()), "valid for longer than its TTL");
            }
            Err(failure) => assert!(failure.tries <= plan.tries, "{} tries", failure.tries),
        }
    }
}

impl Claim for Result<Lease, TransferFailure> {
    fn check_at_rest(_: &Proofs, _: &Plan) {}

    fn check(&self, proofs: &Proofs, plan: &Plan, now: Moment) {
        match self {
            Ok(lease) => {
                let granted = proofs.nodes(|value, proof| *value == lease.value && proof.grants > 0);
                assert!(granted.len() >= plan.quorum.needed(), "no quorum granted it");
                assert!(now < lease.valid_until, "too late");
                assert_eq!(
                    lease.fence.is_some(),
                    plan.proposal().is_some(),
                    "a number where one was asked for"
                );
            }
            Err(failure) => assert!(failure.tries <= plan.tries, "{} tries", failure.tries),
        }
    }
}

impl Claim for Result<Released, ReleaseFailure> {
    fn check_at_rest(proofs: &Proofs, plan: &Plan) {
        if plan.exact {
            proofs.assert_deletes(|proof| 1 + proof.deletes_that_failed);
        }
    }

    fn check(&self, proofs: &Proofs, plan: &Plan, _now: Moment) {
        match self {
            Ok(Released::Held) => {
                let deleted = proofs.nodes(|_, proof| proof.deleted > 0);
                assert!(deleted.len() >= plan.quorum.needed(), "no quorum held it");
            }
            Ok(_) => {}
            Err(failure) => assert!(failure.tries <= plan.tries, "{} tries", failure.tries),
        }
    }
}
