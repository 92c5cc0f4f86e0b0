//! Searches where locks change hands.

use super::{one_fault, search, ticks};
use crate::search::{Role, Search, Token};

pub(super) fn quick() -> Vec<Search> {
    let [adopter, again, returning] = roles();
    let dropped = Role { cancels: 1, ..adopter.clone() };
    let crashing = Role { crashes: 1, ..adopter.clone() };
    let troubled = Role { cancels: 1, tries: 2, hand_backs: 2, ..adopter.clone() };
    let extending = Role { cancels: 1, extends: 1, revive: true, ..returning.clone() };
    let handing_over = Role { extends: 1, hand_overs: 2, ..Role::once() };
    vec![
        adopted(search("adopt", "two adopters, one with a second try", &[&again, &adopter])),
        bare(search("adopt-bare", "two adopters with two tries each, on a bare quorum", &[&again, &again])),
        adopted(search("adopt-three", "three adopters", &[&adopter, &adopter, &adopter])),
        adopted(search("adopt-return", "two adopters, one of which hands back", &[&returning, &adopter])),
        adopted(search("adopt-crash", "two adopters, one of which stops for good", &[&crashing, &again])),
        adopted(search("adopt-lock", "an adopter, and a client that locks", &[&adopter, &Role::once()])),
        one_fault(adopted(search(
            "adopt-fault",
            "one adopter: two tries, hands back, dropped anywhere, one fault",
            &[&troubled],
        ))),
        one_fault(bare(search(
            "adopt-bare-fault",
            "two adopters on a bare quorum; one fault",
            &[&adopter, &adopter],
        ))),
        adopted(search(
            "adopt-extend",
            "one adopter, which extends, sets keys anew and hands back, dropped anywhere",
            &[&extending],
        )),
        adopted(search("adopt-drop", "two adopters, each dropped anywhere once", &[&dropped, &dropped])),
        ticks(1, 1, search("hand-over", "one client extends and hands over; TTLs end", &[&handing_over])),
    ]
}

pub(super) fn thorough() -> Vec<Search> {
    let [adopter, again, returning] = roles();
    let troubled = Role { cancels: 1, crashes: 1, ..returning.clone() };
    let extending = Role { extends: 1, revive: true, ..returning.clone() };
    let handing_over = Role { extends: 1, hand_overs: 1, ..Role::once() };
    let calling_again = Role { calls: 2, ..returning.clone() };
    vec![
        adopted(search(
            "adopt-trouble",
            "two adopters, one of which hands back, is dropped anywhere and may stop for good",
            &[&troubled, &adopter],
        )),
        adopted(search(
            "adopt-again",
            "two adopters, one of which hands back and adopts again",
            &[&calling_again, &adopter],
        )),
        adopted(search("adopt-extend-two", "two adopters, one of which extends", &[&extending, &adopter])),
        one_fault(adopted(search("adopt-two-fault", "two adopters; one fault", &[&adopter, &adopter]))),
        one_fault(adopted(search(
            "adopt-return-fault",
            "two adopters, one of which hands back; one fault",
            &[&returning, &adopter],
        ))),
        adopted(search(
            "adopt-three-retry",
            "three adopters, one with a second try",
            &[&again, &adopter, &adopter],
        )),
        adopted(search(
            "adopt-three-return",
            "three adopters, one of which hands back",
            &[&returning, &adopter, &adopter],
        )),
        bare(search(
            "adopt-three-bare",
            "three adopters, one with a second try, on a bare quorum",
            &[&again, &adopter, &adopter],
        )),
        adopted(search(
            "adopt-lock-two",
            "two adopters, and a client that locks",
            &[&adopter, &adopter, &Role::once()],
        )),
        ticks(
            1,
            1,
            search(
                "hand-over-rival",
                "one client hands over, another locks; TTLs end",
                &[&Role { hand_overs: 1, ..Role::once() }, &Role::once()],
            ),
        ),
        one_fault(ticks(
            1,
            1,
            search(
                "hand-over-fault",
                "one client extends and hands over; TTLs end; one fault",
                &[&handing_over],
            ),
        )),
        ticks(
            2,
            2,
            adopted(search(
                "adopt-ticks",
                "an adopter, and a client that locks; TTLs end",
                &[&adopter, &Role::once()],
            )),
        ),
    ]
}

/// An adopter, one with a second try, and one that may hand back.
fn roles() -> [Role; 3] {
    let adopter = Role::adopter();
    [adopter.clone(), Role { tries: 2, ..adopter.clone() }, Role { hand_backs: 1, ..adopter }]
}

/// A token that stands at every node.
pub(super) fn adopted(search: Search) -> Search {
    Search { token: Some(Token::EVERYWHERE), ..search }
}

/// A token that stands at no more than a quorum.
pub(super) fn bare(search: Search) -> Search {
    Search { token: Some(Token::BARE), ..search }
}
