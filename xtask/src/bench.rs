//! Measures locks beside their floor, which is a program of its own.

use crate::command::{cargo, run as run_command};
use crate::setup;

/// Runs the program with these arguments.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    setup::ensure_server()?;
    run_command(&mut cargo(
        &[&["run", "--quiet", "--release", "--package", "redsync-bench", "--"], args].concat(),
    ))
}
