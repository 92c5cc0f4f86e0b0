//! The measurement of how late a loss is told comes to its end, with a figure for each load.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

mod common;

use std::process::Command;

use common::program;

#[test]
fn there_is_a_figure_for_each_load() {
    let output = Command::new(program("lateness")).arg("50").output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for load in ["idle", "busy threads", "busy tasks"] {
        let line = told.lines().find(|line| line.contains(load)).expect(load);
        assert!(["median", "99 %", "most"].iter().all(|figure| line.contains(figure)), "{line}");
    }
}
