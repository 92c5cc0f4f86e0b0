//! Searches every order of events of small cases, which is a program of its own.

use crate::command::{cargo, run as run_command};

/// Runs the program with these arguments; it fails when an invariant does not hold.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let program = ["run", "--quiet", "--release", "--package", "redsync-explorer", "--"];
    run_command(&mut cargo(&[&program, args].concat()))
}
