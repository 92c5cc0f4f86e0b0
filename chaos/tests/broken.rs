//! The check finds out when an assumption is broken: without that, a run without violations would mean nothing.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

use std::{fs, path::Path, process::Command};

/// What two holders at once look like to each part of the check.
const FOUND: [&str; 2] = ["two valid at once", "not the history of a mutex"];

#[test]
fn contenders_that_use_different_nodes_are_found_out() {
    let violations = violations("own-nodes", "redis-rs");
    assert_found(&violations, &FOUND);
    assert_found(&violations, &["is lost"]);
}

#[test]
fn a_majority_that_loses_its_data_is_found_out() {
    let violations = violations("wipe", "fred");
    assert_found(&violations, &FOUND);
    assert_found(&violations, &["before its validity was over"]);
}

/// Runs the program with an assumption broken, and returns what it has found.
fn violations(broken: &str, driver: &str) -> String {
    let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join(broken);
    let output = Command::new(env!("CARGO_BIN_EXE_redsync-chaos"))
        .args(["--minutes", "0.15", "--seed", "1", "--driver", driver, "--broken", broken, "--logs"])
        .arg(&logs)
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let run = fs::read_dir(&logs).expect("logs").next().expect("those of a run").expect("its place");
    fs::read_to_string(run.path().join("violations")).expect("the violations")
}

fn assert_found(violations: &str, expected: &[&str]) {
    for text in expected {
        assert!(violations.contains(text), "{text} is not among:\n{violations}");
    }
}
