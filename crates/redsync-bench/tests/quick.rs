//! The program measures all that it is to measure.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;

/// Lists the workloads with the contestants that a table of them has to show, at the least.
const EXPECTED: [(&str, &[&str]); 9] = [
    ("a", &["redis-rs, bare", "fred, bare", "rslock", "redsync over redis-rs", "redsync over fred"]),
    ("b", &["redis-rs, bare", "fred, bare", "rslock", "redsync over redis-rs", "redsync over fred"]),
    ("c", &WAITING),
    ("d", &WAITING),
    ("e", &["redis-rs, bare, to a quorum", "rslock", "redsync over redis-rs", "redsync over fred"]),
    ("f", &["redsync over redis-rs", "redsync over fred"]),
    ("g", &["redis-rs, bare", "fred, bare", "rslock", "redsync over redis-rs", "redsync over fred"]),
    ("h", &["lock + release", "lock + hand_over + adopt + release", "the same through a channel"]),
    (
        "i",
        &["redis-rs, bare", "redsync over redis-rs", "redis-rs, bare, fenced", "redsync over fred, fenced"],
    ),
];

const WAITING: [&str; 5] = [
    "redis-rs, bare, woken by PUBLISH",
    "fred, bare, woken by PUBLISH",
    "rslock",
    "redsync over redis-rs",
    "redsync over fred",
];

#[test]
fn every_workload_has_its_rows() {
    let out = tempfile::tempdir().unwrap();
    let bench = Command::new(env!("CARGO_BIN_EXE_redsync-bench"))
        .args(["--quick", "--out"])
        .arg(out.path())
        .output()
        .unwrap();
    assert!(bench.status.success(), "{}", String::from_utf8_lossy(&bench.stderr));
    let report = fs::read_to_string(out.path().join("bench.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let tables = fs::read_to_string(out.path().join("bench.md")).unwrap();
    for (letter, contestants) in EXPECTED {
        let seen: Vec<_> = rows.iter().filter(|row| row["workload"] == letter).collect();
        let seen: BTreeSet<_> = seen.iter().filter_map(|row| row["what"].as_str()).collect();
        for contestant in contestants {
            assert!(seen.contains(contestant), "({letter}) {contestant:?} is not among {seen:?}");
        }
        assert!(tables.contains(&format!("\n## ({letter}) ")), "{tables}");
    }
    for letter in ["a", "b", "c", "d", "e", "h", "i"] {
        let plot = fs::read_to_string(out.path().join(format!("{letter}.svg"))).unwrap();
        assert!(plot.contains("</svg>"), "({letter}) {plot}");
    }
    for row in rows {
        let figures: Vec<_> = row["figures"].as_array().into_iter().flatten().collect();
        assert!(!figures.is_empty(), "{row}");
        let rounds = |figure: &&Value| figure["rounds"].as_array().cloned().unwrap_or_default();
        let are_numbers = |rounds: Vec<Value>| !rounds.is_empty() && rounds.iter().all(Value::is_f64);
        assert!(figures.iter().map(rounds).all(are_numbers), "{row}");
    }
}
