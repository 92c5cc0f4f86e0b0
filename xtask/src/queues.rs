//! Sends jobs through real brokers between processes that are killed, which is a program of its own.

use crate::command::{cargo, run as run_command};
use crate::setup;

/// Runs the program with these arguments; it fails when a job was lost, or two of one name were worked on at once.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    setup::ensure_server()?;
    setup::ensure_nats()?;
    setup::ensure_amqp()?;
    run_command(&mut cargo(&[&["run", "--quiet", "--package", "redsync-queues", "--"], args].concat()))
}
