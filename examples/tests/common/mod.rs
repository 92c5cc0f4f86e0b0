//! Where the programs of the examples are.

use std::{env, path::PathBuf};

/// The program of an example, which Cargo has built beside this test.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a path");
    test.ancestors().nth(2).expect("a target folder").join("examples").join(name)
}
