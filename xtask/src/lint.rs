//! Everything that CI checks besides the tests.

use crate::command::{cargo, run};
use crate::{setup, tidy};

/// Checks format, clippy, docs and the tidy rules; stops at the first that fails.
pub(crate) fn run_all() -> Result<(), String> {
    prepare()?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    run(cargo(&["doc", "--workspace", "--all-features", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    tidy::run()
}

/// Finds what lint needs, or installs it.
pub(crate) fn prepare() -> Result<(), String> {
    setup::ensure_component("fmt", "rustfmt")?;
    setup::ensure_component("clippy", "clippy")?;
    setup::ensure_openssl()
}
