//! The list of searches: the quick ones first, each with what it covers.

mod adoption;
mod fencing;

use crate::search::{Faults, KeysEnd, Role, Search, Time};

/// All of them.
pub fn all() -> Vec<Search> {
    let quick = quick().into_iter().chain(adoption::quick()).chain(fencing::quick());
    let thorough = thorough().into_iter().chain(adoption::thorough()).chain(fencing::thorough());
    quick.map(|search| Search { quick: true, ..search }).chain(thorough).collect()
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
        ticks(
            2,
            1,
            search(
                "ticks-exact",
                "two clients with the fixed value; TTLs end",
                &[&patient(&exact), &patient(&exact)],
            ),
        ),
        search("pair-revive", "two clients, one of which extends and sets keys anew", &[&extending, &once]),
        one_loss(search("pair-lost", "two clients; the fate of one request is unknown", &[&once, &once])),
        one_fault(search("solo", "one client: two rounds, extends, dropped anywhere, one fault", &[&solo])),
    ]
}

fn thorough() -> Vec<Search> {
    let [once, hasty, exact] = roles();
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
        ticks(1, 1, search("ticks", "two clients; TTLs end", &[&once, &once])),
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
        keys_end: KeysEnd::Never,
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

/// So many ticks, with a TTL of so many.
fn ticks(last: u8, ttl: u8, search: Search) -> Search {
    Search { time: Time::Ticks { last, ttl, exact_deletes_arrive_within: 0 }, ..search }
}
