//! Small searches of the real machines, and wrong ones that the explorer has to find.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

use redsync_core::machine::Quorum;
use redsync_explorer::{
    explore,
    search::{Role, Search},
    searches,
};

const NO_LIMIT: usize = usize::MAX;

#[test]
fn small_searches_are_exhausted_and_clean() {
    for name in ["alone", "mixed", "adopt-bare", "adopt-lock", "hand-over", "fence-fault", "fence-stale"] {
        let report = explore::run(&named(name), NO_LIMIT);
        assert!(report.exhausted, "{name}");
        assert!(report.violation.is_none(), "{name}: {:#?}", report.violation);
    }
}

#[test]
fn a_client_that_takes_one_node_for_a_quorum_breaks_exclusion() {
    let search = named("pair-failed");
    let alone = Quorum::new(1, 1).expect("a majority of one");
    let roles = vec![Role { quorum: alone, ..Role::once() }, Role::once()];
    let violation = explore::run(&Search { roles, ..search }, NO_LIMIT).violation.expect("two holders");
    assert_eq!(violation.invariant, "two valid guards");
    // Two clients that begin, three keys that are set, and three replies: no shorter way leads there.
    assert_eq!(violation.trace.len(), 8, "{:#?}", violation.trace);
}

#[test]
fn an_adopter_that_takes_one_node_for_a_quorum_is_not_alone() {
    let alone = Quorum::new(1, 1).expect("a majority of one");
    let roles = vec![Role { quorum: alone, ..Role::adopter() }, Role::adopter()];
    let violation =
        explore::run(&Search { roles, ..named("adopt") }, NO_LIMIT).violation.expect("two holders");
    assert_eq!(violation.invariant, "two valid guards");
    // Two adopters that begin, three rotations, and three replies.
    assert_eq!(violation.trace.len(), 8, "{:#?}", violation.trace);
}

#[test]
fn a_delete_of_a_fixed_value_that_comes_after_its_ttl_does_harm() {
    let violation = explore::run(&searches::late_deletes(), NO_LIMIT).violation;
    assert!(violation.is_some(), "the documented assumption would not be needed");
}

fn named(name: &str) -> Search {
    searches::all().into_iter().find(|search| search.name == name).expect("in the list")
}
