//! Searches of fencing numbers. Keys end at any time there.

use super::{
    adoption::{adopted, bare},
    one_fault, search,
};
use crate::search::{KeysEnd, Role, Search};

pub(super) fn quick() -> Vec<Search> {
    let [once, adopter] = roles();
    let again = Role { tries: 2, ..adopter.clone() };
    vec![
        fenced(search("fence", "three clients that lock", &[&once, &once, &once])),
        stale(search("fence-stale", "two clients that lock, keys end at any time", &[&once, &once])),
        stale(bare(search(
            "fence-stale-adopt",
            "an adopter on a bare quorum, and a client that locks, keys end at any time",
            &[&adopter, &once],
        ))),
        one_fault(fenced(search("fence-fault", "two clients that lock, one fault", &[&once, &once]))),
        fenced(adopted(search("fence-adopt", "an adopter, and a client that locks", &[&adopter, &once]))),
        fenced(bare(search(
            "fence-adopt-bare",
            "two adopters on a bare quorum, one with a second try",
            &[&again, &adopter],
        ))),
    ]
}

pub(super) fn thorough() -> Vec<Search> {
    let [once, adopter] = roles();
    vec![
        stale(search(
            "fence-stale-three",
            "three clients that lock, keys end at any time",
            &[&once, &once, &once],
        )),
        one_fault(fenced(search(
            "fence-three-fault",
            "three clients that lock, one fault",
            &[&once, &once, &once],
        ))),
        fenced(bare(search(
            "fence-adopt-lock",
            "an adopter on a bare quorum, and two clients that lock",
            &[&adopter, &once, &once],
        ))),
        fenced(bare(search(
            "fence-adopt-two",
            "two adopters on a bare quorum, and a client that locks",
            &[&adopter, &adopter, &once],
        ))),
    ]
}

/// One that locks and one that adopts, who leave the lock to its TTL.
fn roles() -> [Role; 2] {
    [Role::once(), Role::adopter()].map(|role| Role { leaves: true, ..role })
}

fn fenced(search: Search) -> Search {
    Search { fenced: true, keys_end: KeysEnd::PastValidity, ..search }
}

/// Where validity is nothing to go by.
fn stale(search: Search) -> Search {
    Search { keys_end: KeysEnd::AnyTime, ..fenced(search) }
}
