//! Where the programs of the examples are.

use std::{env, path::PathBuf};

/// The program of an example, which Cargo has built beside this test, unless it was told to build this test only.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a path");
    let program = test.ancestors().nth(2).expect("a target folder").join("examples").join(name);
    let package = env!("CARGO_PKG_NAME");
    assert!(program.is_file(), "no {}: `cargo test -p {package}` builds it", program.display());
    program
}
