//! Has real servers fail while many processes contend, which is a program of its own.

use crate::command::{cargo, run as run_command};
use crate::setup;

/// Runs the program with these arguments; it fails when a promise was broken.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    setup::ensure_server()?;
    run_command(&mut cargo(&[&["run", "--quiet", "--package", "redsync-chaos", "--"], args].concat()))
}
