//! The core's own tests in Miri, which finds undefined behaviour also in the crates below: `cargo xtask miri`.

use std::time::Instant;

use crate::nightly;
use crate::tally::Tally;
use crate::test::run_command;

/// Lists the tests that are pure and quick enough: what Cargo is told, then what the test program is told. Miri takes
/// a thousand times as long as the processor, so the property tests stay out; the fuzz targets make a few of their
/// inputs here, and go through the whole of the core.
const TESTS: [(&[&str], &[&str]); 3] = [
    (&["--package", "redsync-core", "--lib"], &["--skip", "tests::properties", "--skip", "tests::edits"]),
    (&["--package", "redsync-core", "--test", "machines"], &["--skip", "_ends_once_"]),
    (&["--package", "redsync-fuzz", "--test", "smoke"], &[]),
];

/// Runs the tests, and tells how many passed and how long it took.
pub(crate) fn run() -> Result<(), String> {
    nightly::ensure(&["miri", "rust-src"])?;
    let start = Instant::now();
    let mut total = Tally::default();
    for (choice, filters) in TESTS {
        let args = [&["miri", "test"], choice, &["--"], filters].concat();
        total.add(run_command(nightly::cargo(&args))?);
    }
    println!("{total} in Miri, in {} s", start.elapsed().as_secs());
    if total.is_green() { Ok(()) } else { Err(String::new()) }
}
