//! What a recorder of the `metrics` facade is told, on a virtual clock, so that each figure is known.
#![cfg(feature = "metrics")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
};

use common::{FIXED, NAME, Quorum, TTL, WAIT, delete_at, ms};
use futures_util::{FutureExt as _, future::ready};
use metrics::{Unit, with_local_recorder};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use redsync_core::{
    ErrorKind, Loss, Mutex, Released,
    metrics::{ALL, Kind, Metric, describe},
};
use redsync_testkit::memory::{ErrorReply, Loss as Lose};

/// A round trip on these nodes.
const TRIP: f64 = 0.001;

#[test]
fn a_lock_is_counted_when_it_is_taken_and_timed_until_it_is_given_back() {
    measured(|quorum, told| {
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        told.assert([
            ("redsync_acquired_total{by=lock}", &[1.0][..]),
            ("redsync_wait_seconds{outcome=acquired}", &[TRIP]),
            ("redsync_held_locks", &[1.0]),
            ("redsync_waiting_calls", &[0.0]),
        ]);
        quorum.run_for(ms(2500));
        quorum.block_on(guard.release()).expect("reachable");
        told.assert([("redsync_held_seconds{ending=released}", &[2.5][..]), ("redsync_held_locks", &[-1.0])]);
    });
}

#[test]
fn a_call_that_waits_is_counted_as_long_as_it_does() {
    measured(|quorum, told| {
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        drop(told.figures());
        let mutex = quorum.mutex();
        let mut waiting = Box::pin(mutex.lock());
        quorum.block_on(async { assert!((&mut waiting).now_or_never().is_none()) });
        told.assert([("redsync_waiting_calls", &[1.0][..])]);
        quorum.run_for(ms(500));
        drop(guard);
        let next = quorum.block_on(waiting).expect("free by now");
        let figures = told.figures();
        assert_eq!(figures["redsync_waiting_calls"], [-1.0]);
        let waited = &figures["redsync_wait_seconds{outcome=acquired}"];
        assert!(waited.len() == 1 && (0.5..0.6).contains(&waited[0]), "{waited:?}");
        next.leave();
    });
}

#[test]
fn each_call_that_ends_without_a_lock_is_counted_by_its_reason() {
    measured(|quorum, told| {
        let refused = |mutex: Mutex| quorum.block_on(mutex.try_lock()).expect_err("no lock").kind();
        let guard = quorum.block_on(quorum.mutex().with_value(FIXED).lock()).expect("free");
        drop(told.figures());

        let cases: [(&str, &dyn Fn() -> ErrorKind); 5] = [
            ("taken", &|| refused(quorum.other_process().mutex(NAME))),
            ("held_under_this_value", &|| refused(quorum.other_process().mutex(NAME).with_value(FIXED))),
            ("invalid_option", &|| refused(quorum.redsync.mutex(""))),
            ("no_value", &|| refused(quorum.redsync.mutex("other").value_fn(|| Err("no entropy".into())))),
            ("cancelled", &|| {
                let stopped = quorum.block_on(quorum.redsync.mutex("other").lock_unless(ready(())));
                stopped.expect_err("stopped").kind()
            }),
        ];
        for (kind, call) in cases {
            let told_kind = call();
            let figures = told.figures();
            assert_eq!(figures[&format!("redsync_refused_total{{kind={kind}}}")], [1.0], "{told_kind:?}");
            assert_eq!(figures["redsync_wait_seconds{outcome=refused}"].len(), 1, "{kind}");
            assert!(!figures.contains_key("redsync_acquired_total{by=lock}"), "{kind}");
        }

        let mutex = quorum.other_process().mutex(NAME);
        quorum.block_on(async { assert!(mutex.lock().now_or_never().is_none()) });
        told.assert([("redsync_refused_total{kind=dropped}", &[1.0][..]), ("redsync_waiting_calls", &[0.0])]);

        quorum.nodes.iter().for_each(|node| node.stop());
        assert_eq!(refused(quorum.redsync.mutex("other")), ErrorKind::Unreachable);
        told.assert([("redsync_refused_total{kind=unreachable}", &[1.0][..])]);
        guard.leave();
    });
}

#[test]
fn adoptions_and_how_locks_end_are_told_apart() {
    measured(|quorum, told| {
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.run_for(ms(100));
        let token = quorum.block_on(guard.hand_over(WAIT)).expect("reachable");
        let figures = told.figures();
        assert_close(&figures["redsync_held_seconds{ending=handed_over}"], 0.1);
        assert_eq!(figures["redsync_held_locks"], [0.0]);

        let guard = quorum.adopt(&token);
        told.assert([("redsync_acquired_total{by=adopt}", &[1.0][..]), ("redsync_held_locks", &[1.0])]);
        quorum.block_on(quorum.other_process().adopt(&token)).expect_err("adopted");
        told.assert([("redsync_refused_total{kind=already_adopted}", &[1.0][..])]);
        quorum.run_for(ms(200));
        quorum.block_on(guard.hand_back(&token)).expect("reachable");
        assert_close(&told.figures()["redsync_held_seconds{ending=handed_back}"], 0.2);

        drop(quorum.adopt(&token));
        assert_eq!(told.figures()["redsync_held_seconds{ending=released}"], [0.0]);
        quorum.settle();
        quorum.block_on(quorum.mutex().lock()).expect("free").leave();
        let figures = told.figures();
        assert_eq!(figures["redsync_held_seconds{ending=left}"], [0.0]);
        assert!(!figures.keys().any(|key| key.starts_with("redsync_lost_total")), "{figures:?}");
    });
}

#[test]
fn a_lock_that_only_its_release_finds_gone_is_lost_too() {
    measured(|quorum, told| {
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        delete_at(&quorum.nodes);
        assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::AlreadyGone);
        told.assert([("redsync_lost_total{reason=gone}", &[1.0][..]), ("redsync_held_locks", &[0.0])]);
    });
}

#[test]
fn a_lock_that_is_handed_over_at_the_end_of_its_validity_is_not_lost() {
    measured(|quorum, told| {
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.run_for(ms(7700));
        // It is waited for, until the validity is over that the lock had before.
        quorum.nodes[2].pause();
        quorum.block_on(guard.hand_over(WAIT)).expect("two of three");
        let figures = told.figures();
        assert_close(&figures["redsync_held_seconds{ending=handed_over}"], 7.917);
        assert!(!figures.keys().any(|key| key.starts_with("redsync_lost_total")), "{figures:?}");
        quorum.nodes[2].resume();
    });
}

#[test]
fn a_recorder_that_comes_late_is_told_of_no_end_without_a_beginning() {
    let quorum = Quorum::of(3);
    quorum.nodes[2].pause();
    let guard = quorum.block_on(quorum.mutex().lock()).expect("two of three");
    let mutex = quorum.mutex();
    let mut waiting = Box::pin(mutex.lock());
    quorum.block_on(async { assert!((&mut waiting).now_or_never().is_none()) });

    let recorder = DebuggingRecorder::new();
    with_local_recorder(&recorder, || {
        drop(guard);
        quorum.block_on(waiting).expect("free by now").leave();
        quorum.run_for(TTL * 3);
    });
    let figures = Told(recorder.snapshotter()).figures();
    let gauges: Vec<_> = figures.iter().filter(|(key, _)| is_gauge(key)).collect();
    assert!(gauges.iter().any(|(key, _)| *key == "redsync_held_locks"), "{gauges:?}");
    assert!(gauges.iter().all(|(_, values)| **values == [0.0]), "{gauges:?}");
}

#[test]
fn a_lock_that_is_lost_is_counted_once_by_its_reason() {
    type Lost = (&'static str, fn(&Quorum), f64);
    let cases: [Lost; 4] = [
        (
            "gone",
            |quorum| {
                let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
                quorum.run_for(ms(500));
                delete_at(&quorum.nodes);
                quorum.block_on(guard.extend()).expect_err("gone");
                assert_eq!(quorum.block_on(guard.lost()), Loss::Gone);
            },
            0.5,
        ),
        (
            "expiring",
            |quorum| {
                let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
                quorum.nodes.iter().for_each(|node| node.pause());
                let lost = quorum.block_on(guard.keep(pending::<()>())).expect_err("nobody extends it");
                assert_eq!(lost.loss(), Loss::Expiring);
                quorum.run_for(TTL);
                drop(guard);
                quorum.nodes.iter().for_each(|node| node.resume());
            },
            7.917,
        ),
        (
            "limit_reached",
            |quorum| {
                let guard = quorum.block_on(quorum.mutex().max_hold(ms(700)).lock()).expect("free");
                quorum.block_on(guard.keep(pending::<()>())).expect_err("for too long");
                quorum.block_on(guard.release()).expect("reachable");
            },
            0.7,
        ),
        // Nobody has looked.
        (
            "expiring",
            |quorum| {
                let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
                quorum.run_for(TTL * 3);
                quorum.block_on(guard.release()).expect("reachable");
            },
            7.917,
        ),
    ];
    for (reason, lose, seconds) in cases {
        measured(|quorum, told| {
            lose(quorum);
            let figures = told.figures();
            let lost: Vec<_> =
                figures.iter().filter(|(key, _)| key.starts_with("redsync_lost_total")).collect();
            let key = format!("redsync_lost_total{{reason={reason}}}");
            assert_eq!(lost, [(&key, &vec![1.0])], "{figures:?}");
            assert_eq!(figures["redsync_held_locks"], [0.0]);
            let ending = if reason == "limit_reached" { "released" } else { "lost" };
            assert_close(&figures[&format!("redsync_held_seconds{{ending={ending}}}")], seconds);
        });
    }
}

#[test]
fn each_node_is_timed_and_its_errors_are_told_apart() {
    measured(|quorum, told| {
        quorum.block_on(quorum.mutex().lock()).expect("free").leave();
        quorum.settle();
        let figures = told.figures();
        for node in 0..3 {
            assert_eq!(figures[&format!("redsync_node_answer_seconds{{node=memory-{node}}}")], [TRIP]);
            assert_eq!(figures[&format!("redsync_node_unanswered_requests{{node=memory-{node}}}")], [0.0]);
        }
        assert!(!figures.keys().any(|key| key.contains("error")), "{figures:?}");
    });
    type Trouble = (&'static str, fn(&Quorum));
    let cases: [Trouble; 3] = [
        ("not_sent", |quorum| quorum.nodes[0].stop()),
        ("rejected", |quorum| quorum.nodes[0].refuse_all(ErrorReply::new("OOM", "command not allowed"))),
        ("unknown", |quorum| quorum.nodes[0].lose_replies(Lose::Broken)),
    ];
    for (kind, trouble) in cases {
        measured(|quorum, told| {
            trouble(quorum);
            quorum.block_on(quorum.mutex().wait_for_all(true).lock()).expect("two of three").leave();
            let figures = told.figures();
            let errors: Vec<_> = figures.keys().filter(|key| key.contains("error")).collect();
            let key = format!("redsync_node_errors_total{{kind={kind},node=memory-0}}");
            assert_eq!(errors, [&key], "{figures:?}");
            let is_timed = figures.contains_key("redsync_node_answer_seconds{node=memory-0}");
            assert_eq!(is_timed, kind != "not_sent", "{figures:?}");
        });
    }
}

#[test]
fn a_script_that_a_server_does_not_know_yet_is_no_error() {
    measured(|quorum, told| {
        quorum.nodes.iter().for_each(|node| node.flush_scripts());
        let guard = quorum.block_on(quorum.mutex().fenced().lock()).expect("free");
        quorum.block_on(guard.release()).expect("reachable");
        quorum.settle();
        let figures = told.figures();
        assert!(!figures.keys().any(|key| key.contains("error")), "{figures:?}");
        assert!(figures["redsync_node_answer_seconds{node=memory-0}"].len() >= 3, "{figures:?}");
    });
}

#[test]
fn a_node_that_hangs_shows_at_once_and_its_requests_as_unanswered_a_ttl_later() {
    measured(|quorum, told| {
        quorum.nodes[2].pause();
        quorum.block_on(quorum.mutex().lock()).expect("two of three").leave();
        told.assert([
            ("redsync_node_unanswered_requests{node=memory-0}", &[0.0][..]),
            ("redsync_node_unanswered_requests{node=memory-2}", &[1.0]),
        ]);
        quorum.run_for(TTL * 2);
        told.assert([
            ("redsync_node_errors_total{kind=unanswered,node=memory-2}", &[1.0][..]),
            ("redsync_node_unanswered_requests{node=memory-2}", &[-1.0]),
        ]);
    });
}

#[test]
fn counters_begin_at_zero_so_that_the_first_time_is_a_rise() {
    measured(|_, told| {
        describe();
        let mut begun = BTreeMap::<_, usize>::new();
        for (key, _, _, value) in told.0.snapshot().into_vec() {
            assert_eq!(value, DebugValue::Counter(0), "{key:?}");
            *begun.entry(key.key().name().to_owned()).or_default() += 1;
        }
        let expected =
            [("redsync_acquired_total", 2), ("redsync_lost_total", 3), ("redsync_refused_total", 10)];
        assert_eq!(begun, expected.map(|(name, count)| (name.to_owned(), count)).into());
    });
}

#[test]
fn what_is_told_is_what_is_listed_with_its_unit_and_never_a_locks_name() {
    measured(|quorum, told| {
        describe();
        quorum.nodes[2].stop();
        quorum.block_on(quorum.mutex().try_lock()).expect("two of three").leave();
        quorum.block_on(quorum.other_process().mutex(NAME).try_lock()).expect_err("taken");
        quorum.run_for(TTL);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free again");
        delete_at(&quorum.nodes[..2]);
        quorum.block_on(guard.extend()).expect_err("gone");

        let mut seen = BTreeMap::<String, (BTreeSet<String>, Option<Unit>)>::new();
        for (key, unit, help, _) in told.0.snapshot().into_vec() {
            let (_, key) = key.into_parts();
            assert!(help.is_some(), "{key:?}");
            assert!(key.labels().all(|label| !label.value().contains(NAME)), "{key:?}");
            let labels = key.labels().map(|label| label.key().to_owned()).collect();
            seen.insert(key.name().to_owned(), (labels, unit));
        }
        let listed = ALL.map(|Metric { name, kind, labels, .. }| {
            let unit = if kind == Kind::Seconds { Unit::Seconds } else { Unit::Count };
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            (name.to_owned(), (labels, Some(unit)))
        });
        assert_eq!(seen, BTreeMap::from(listed));
    });
}

/// Figures since the last look: how much a counter or a gauge has moved, and what a histogram was told.
struct Told(Snapshotter);

impl Told {
    fn figures(&self) -> BTreeMap<String, Vec<f64>> {
        let told = self.0.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
            let (_, key) = key.into_parts();
            let mut labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            labels.sort();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let values = match value {
                DebugValue::Counter(0) => Vec::new(),
                DebugValue::Counter(count) => vec![f64::from(u32::try_from(count).expect("few"))],
                DebugValue::Gauge(value) => vec![value.into_inner()],
                DebugValue::Histogram(values) => values.into_iter().map(|value| value.into_inner()).collect(),
            };
            (format!("{}{labels}", key.name()), values)
        });
        told.filter(|(_, values)| !values.is_empty()).collect()
    }

    #[track_caller]
    fn assert<const N: usize>(&self, expected: [(&str, &[f64]); N]) {
        let figures = self.figures();
        for (key, values) in expected {
            assert_eq!(figures.get(key).map(Vec::as_slice), Some(values), "{key}: {figures:?}");
        }
    }
}

/// Lets something happen on three nodes, before a recorder.
fn measured(act: impl FnOnce(&Quorum, &Told)) {
    let recorder = DebuggingRecorder::new();
    let told = Told(recorder.snapshotter());
    with_local_recorder(&recorder, || act(&Quorum::of(3), &told));
}

/// Whether the figure of this name and these labels is one of what there is now.
fn is_gauge(key: &str) -> bool {
    let name = key.split('{').next().unwrap_or(key);
    ALL.iter().any(|metric| metric.name == name && metric.kind == Kind::Gauge)
}

/// One value, within the time that some round trips take.
#[track_caller]
fn assert_close(values: &[f64], expected: f64) {
    let is_close = |value: &f64| (value - expected).abs() <= 10.0 * TRIP;
    assert!(values.len() == 1 && values.iter().all(is_close), "{values:?} is not {expected}");
}
