//! The list of searches: the quick ones first, each with what it covers.

use crate::search::{Faults, Role, Search, Time, Token};

/// All of them.
pub fn all() -> Vec<Search> {
    let quick = quick().into_iter().map(|search| Search { quick: true, ..search });
    quick.chain(thorough()).collect()
}

/// These find every mutant of the protocol that we know.
fn quick() -> Vec<Search> {
    let [once, hasty, exact] = roles();
    let extending = Role { extends: 1, revive: true, ..once.clone() };
    let solo = Role { tries: 2, cancels: 1, ..extending.clone() };
    let exact_calls = Role { cancels: 1, calls: 2, tries: 2, ..patient(&exact) };
    let exact_extending = Role { extends: 1, revive: true, cancels: 1, ..patient(&exact) };
    vec![
        Search {
            hung_node: Some(2),
            ..search("alone", "one client and a hung node: its call succeeds", &[&hasty])
        },
        search("mixed", "a client with the fixed value and one with values of its own", &[&exact, &once]),
        one_fault(search(
            "solo-exact",
            "one client with the fixed value: two calls of two rounds, dropped anywhere, one fault",
            &[&exact_calls],
        )),
        one_fault(search(
            "solo-exact-extend",
            "one client with the fixed value, which extends, dropped anywhere, one fault",
            &[&exact_extending],
        )),
        search("retry", "two clients, one with a second round", &[&Role { tries: 2, ..once.clone() }, &once]),
        one_failure(search("pair-failed", "two clients; one request is not sent", &[&once, &once])),
        one_fault(search(
            "exact",
            "two clients with the fixed value, hasty time-outs, one fault",
            &[&exact, &exact],
        )),
        one_fault(search(
            "exact-retry",
            "two clients with the fixed value, one with a second round, one fault",
            &[&Role { tries: 2, ..patient(&exact) }, &exact],
        )),
        Search {
            time: Time::Ticks { last: 2, ttl: 1, exact_deletes_arrive_within: 0 },
            ..search(
                "ticks-exact",
                "two clients with the fixed value; TTLs end",
                &[&patient(&exact), &patient(&exact)],
            )
        },
        search("pair-revive", "two clients, one of which extends and sets keys anew", &[&extending, &once]),
        one_loss(search("pair-lost", "two clients; the fate of one request is unknown", &[&once, &once])),
        one_fault(search("solo", "one client: two rounds, extends, dropped anywhere, one fault", &[&solo])),
    ]
}

fn thorough() -> Vec<Search> {
    let [once, hasty, exact] = roles();
    let adopter = Role::adopter();
    let cancelled = Role { cancels: 1, ..once.clone() };
    vec![
        search("pair", "two clients, hasty time-outs", &[&hasty, &hasty]),
        search("trio", "three clients that take the lock once", &[&once, &once, &once]),
        search("pair-cancel", "two clients, each dropped anywhere once", &[&cancelled, &cancelled]),
        search(
            "pair-extend",
            "two clients, one of which extends",
            &[&Role { extends: 1, ..once.clone() }, &once],
        ),
        one_fault(search(
            "exact-cancel",
            "two clients with the fixed value, hasty, one dropped anywhere, one fault",
            &[&Role { cancels: 1, ..exact.clone() }, &exact],
        )),
        one_fault(search(
            "exact-calls",
            "two clients with the fixed value, one of which calls twice, one fault",
            &[&Role { calls: 2, ..patient(&exact) }, &exact],
        )),
        Search {
            time: Time::Ticks { last: 1, ttl: 1, exact_deletes_arrive_within: 0 },
            ..search("ticks", "two clients; TTLs end", &[&once, &once])
        },
        adopted(search("a1", "one adopter", &[&adopter])),
        adopted(search(
            "a1x",
            "one adopter",
            &[&Role { cancels: 1, hand_backs: 1, crashes: 1, tries: 2, ..adopter.clone() }],
        )),
        one_fault(adopted(search(
            "a1f",
            "one adopter",
            &[&Role { cancels: 1, hand_backs: 1, tries: 2, ..adopter.clone() }],
        ))),
        adopted(search("a2", "two adopters", &[&adopter, &adopter])),
        bare(search("a2b", "two adopters", &[&adopter, &adopter])),
        adopted(search("a2h", "two adopters", &[&Role { hand_backs: 1, ..adopter.clone() }, &adopter])),
        adopted(search("a2r", "two adopters", &[&Role { tries: 2, ..adopter.clone() }, &adopter])),
        bare(search(
            "a2br",
            "two adopters",
            &[&Role { tries: 2, ..adopter.clone() }, &Role { tries: 2, ..adopter.clone() }],
        )),
        adopted(search(
            "ae",
            "extends",
            &[&Role { hand_backs: 1, extends: 1, revive: true, ..adopter.clone() }],
        )),
        adopted(search(
            "aec",
            "extends",
            &[&Role { hand_backs: 1, extends: 1, revive: true, cancels: 1, ..adopter.clone() }],
        )),
        adopted(search(
            "ae2",
            "extends",
            &[&Role { hand_backs: 1, extends: 1, revive: true, ..adopter.clone() }, &adopter],
        )),
        adopted(search(
            "a2c",
            "two adopters",
            &[&Role { cancels: 1, crashes: 1, hand_backs: 1, ..adopter.clone() }, &adopter],
        )),
        adopted(search(
            "a2cc",
            "two adopters",
            &[
                &Role { cancels: 1, crashes: 1, hand_backs: 1, ..adopter.clone() },
                &Role { cancels: 1, crashes: 1, hand_backs: 1, ..adopter.clone() },
            ],
        )),
        one_fault(adopted(search("a2f", "two adopters", &[&adopter, &adopter]))),
        adopted(search("al", "one adopter", &[&adopter, &once])),
        adopted(search("a3", "three adopters", &[&adopter, &adopter, &adopter])),
        ending(search(
            "f2",
            "two fenced",
            &[&Role { leaves: true, ..once.clone() }, &Role { leaves: true, ..once.clone() }],
        )),
        ending(search(
            "f3",
            "three fenced",
            &[
                &Role { leaves: true, ..once.clone() },
                &Role { leaves: true, ..once.clone() },
                &Role { leaves: true, ..once.clone() },
            ],
        )),
        Search { time: Time::Ticks { last: 1, ttl: 1, exact_deletes_arrive_within: 0 }, ..search("ho", "hands over", &[&Role { hands_over: true, extends: 1, ..once.clone() }]) },
        Search { time: Time::Ticks { last: 1, ttl: 1, exact_deletes_arrive_within: 0 }, ..search("ho2", "hands over", &[&Role { hands_over: true, ..once.clone() }, &once]) },
        one_fault(ending(search("f2f", "two fenced", &[&Role { leaves: true, ..once.clone() }, &Role { leaves: true, ..once.clone() }]))),
        one_fault(ending(search("f3f", "three fenced", &[&Role { leaves: true, ..once.clone() }, &Role { leaves: true, ..once.clone() }, &Role { leaves: true, ..once.clone() }]))),
        ending(bare(search("fabr", "two fenced", &[&Role { leaves: true, tries: 2, ..adopter.clone() }, &Role { leaves: true, ..adopter.clone() }]))),
        ending(adopted(search("fall", "two fenced", &[&Role { leaves: true, ..adopter.clone() }, &Role { leaves: true, ..once.clone() }, &Role { leaves: true, ..once.clone() }]))),
        ending(bare(search("fabll", "two fenced", &[&Role { leaves: true, ..adopter.clone() }, &Role { leaves: true, ..once.clone() }, &Role { leaves: true, ..once.clone() }]))),
        ending(adopted(search("faal", "two fenced", &[&Role { leaves: true, ..adopter.clone() }, &Role { leaves: true, ..adopter.clone() }, &Role { leaves: true, ..once.clone() }]))),
        one_fault(adopted(search("a2fr", "two adopters", &[&Role { tries: 2, ..adopter.clone() }, &adopter]))),
        one_fault(adopted(search("a2fh", "two adopters", &[&Role { hand_backs: 1, ..adopter.clone() }, &adopter]))),
        adopted(search("a3r", "three adopters", &[&Role { tries: 2, ..adopter.clone() }, &adopter, &adopter])),
        adopted(search("a2hh", "two adopters", &[&Role { hand_backs: 1, ..adopter.clone() }, &Role { hand_backs: 1, ..adopter.clone() }])),
        adopted(search("a3h", "three adopters", &[&Role { hand_backs: 1, ..adopter.clone() }, &adopter, &adopter])),
        bare(search("a3b", "three adopters", &[&Role { tries: 2, ..adopter.clone() }, &Role { tries: 2, ..adopter.clone() }, &Role { tries: 2, ..adopter.clone() }])),
        adopted(search("aal", "adopters, locker", &[&adopter, &adopter, &once])),
    ]
}

/// What goes wrong where a delete of the fixed value comes after its key's TTL, though sooner than a TTL after it was sent.
pub fn late_deletes() -> Search {
    let [_, _, exact] = roles();
    Search {
        time: Time::Ticks { last: 2, ttl: 1, exact_deletes_arrive_within: 1 },
        ..search("late-deletes", "deletes of the fixed value are late", &[&patient(&exact), &patient(&exact)])
    }
}

/// A client that is patient, one that is not, and one that is not and has the fixed value.
fn roles() -> [Role; 3] {
    let hasty = Role { patient: false, ..Role::once() };
    [Role::once(), hasty.clone(), Role { exact: true, ..hasty }]
}

fn patient(role: &Role) -> Role {
    Role { patient: true, ..role.clone() }
}

fn search(name: &'static str, about: &'static str, roles: &[&Role]) -> Search {
    Search {
        name,
        about,
        roles: roles.iter().copied().cloned().collect(),
        faults: Faults::NONE,
        time: Time::Endless,
        token: None,
        fenced: false,
        keys_end: false,
        hung_node: None,
        quick: false,
    }
}

fn one_fault(search: Search) -> Search {
    Search { faults: Faults { most: 1, unknown: true, failed: true }, ..search }
}

fn one_loss(search: Search) -> Search {
    Search { faults: Faults { most: 1, unknown: true, failed: false }, ..search }
}

fn one_failure(search: Search) -> Search {
    Search { faults: Faults { most: 1, unknown: false, failed: true }, ..search }
}

fn adopted(search: Search) -> Search {
    Search { token: Some(Token::EVERYWHERE), ..search }
}

fn bare(search: Search) -> Search {
    Search { token: Some(Token::BARE), ..search }
}

fn ending(search: Search) -> Search {
    Search { fenced: true, keys_end: true, ..search }
}
