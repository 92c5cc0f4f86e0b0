//! What is fuzzed: each target is a function that takes any bytes and panics when a promise is broken.
//!
//! The same functions run in the fuzzer (`fuzz_targets`) and in a plain test (`tests/smoke.rs`).

pub mod machines;
pub mod options;
pub mod replies;
pub mod tokens;

mod input;

use std::{env, fs, io};

/// Runs a target once for each file named on the command line, so that a crash is looked into without a fuzzer.
///
/// # Errors
///
/// When a file cannot be read.
pub fn replay(target: fn(&[u8])) -> io::Result<()> {
    env::args_os().skip(1).try_for_each(|path| fs::read(path).map(|data| target(&data)))
}
