//! P4: generated values are fresh for every round, fixed ones are exactly what was asked for.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use common::{NAME, Quorum, TTL, ms};
use redsync_core::ErrorKind;

#[test]
fn every_round_has_a_value_of_its_own() {
    let quorum = Quorum::of(1);
    quorum.nodes[0].pause();
    quorum.block_on(quorum.mutex().tries(10).label("job-1138").lock()).expect_err("no answer");
    let held = quorum.nodes[0].held();
    let sets = held.iter().filter(|request| request.request().name() == "SET");
    let value = |request: &redsync_core::Request| request.args().nth(2).map(<[u8]>::to_vec).expect("a value");
    let values: Vec<_> = sets.map(|request| value(request.request())).collect();
    assert_eq!(values.len(), 10);
    assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), 10);
    assert!(values.iter().all(|value| value.starts_with(b"job-1138:")));
    quorum.nodes[0].resume();
}

#[test]
fn a_delayed_undo_of_one_round_does_not_hit_the_next() {
    let quorum = Quorum::of(1);
    quorum.nodes[0].pause();
    let guard = quorum.block_on(async {
        let mutex = quorum.mutex().tries(2).retry_delay(ms(10));
        let lock = mutex.lock();
        let service = async {
            use redsync_core::Runtime;
            quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(600))).await;
            // The first round's SET and undo, and the second round's SET: the undo comes last.
            let mut held = quorum.nodes[0].held();
            // Whether the lock may be free was looked for as well.
            held.retain(|request| request.request().name() != "PTTL");
            assert_eq!(held.len(), 3);
            [0, 2, 1].into_iter().for_each(|index| held[index].reply());
            quorum.nodes[0].resume();
        };
        futures_util::future::join(lock, service).await.0
    });
    let error = guard.expect_err("the second round found the first one's key");
    assert_eq!(error.kind(), ErrorKind::Taken);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn a_fixed_value_is_stored_exactly() {
    for value in ["x", "{job}:1138", "\u{0}\n\r\"'\\", "🔒 grüße", &"long".repeat(10_000)] {
        let quorum = Quorum::of(3);
        let guard =
            quorum.block_on(quorum.mutex().value_fn(|| Ok("generated".to_owned())).with_value(value).lock());
        let guard = guard.expect("free");
        quorum.settle();
        assert!(quorum.values().iter().all(|stored| stored.as_deref() == Some(value)));
        assert_eq!(guard.value(), value);
        quorum.block_on(guard.release()).expect("reachable");
    }
}

#[test]
fn a_value_function_serves_and_its_failure_is_told() {
    let quorum = Quorum::of(3);
    let count = Arc::new(AtomicU32::new(0));
    let counting = move || Ok(format!("value-{}", count.fetch_add(1, Ordering::Relaxed)));
    let guard = quorum.block_on(quorum.mutex().value_fn(counting).lock()).expect("free");
    assert_eq!(guard.value(), "value-0");
    quorum.block_on(guard.release()).expect("reachable");
    let error =
        quorum.block_on(quorum.mutex().value_fn(|| Err("no entropy".into())).lock()).expect_err("no value");
    assert_eq!(
        (error.kind(), error.to_string().contains("no entropy")),
        (ErrorKind::NoValue, true),
        "{error}"
    );
    let error = quorum.block_on(quorum.mutex().value_fn(|| Ok(String::new())).lock()).expect_err("empty");
    assert_eq!(error.kind(), ErrorKind::NoValue);
}

#[test]
fn a_value_function_that_repeats_itself_counts_as_a_fixed_value() {
    let quorum = Quorum::of(3);
    let winner = quorum.block_on(quorum.mutex().value_fn(|| Ok("same".to_owned())).lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].pause();
    let loser = quorum.other_process().mutex(NAME).value_fn(|| Ok("same".to_owned())).tries(3);
    let error = quorum.block_on(loser.lock()).expect_err("held");
    assert_eq!(error.kind(), ErrorKind::HeldUnderThisValue);
    quorum.nodes[0].resume();
    quorum.run_for(TTL / 4);
    assert_eq!(quorum.keys_left(), 3, "undisturbed");
    winner.leave();
}
