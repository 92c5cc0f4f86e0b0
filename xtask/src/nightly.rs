//! The nightly compiler, which the fuzzer and Miri need; the rest of the repository is built by a stable one.

use std::process::Command;

use crate::command::{root, run, succeeds};

const NO_RUSTUP: &str = "this needs a nightly compiler beside the stable one: install rustup, which picks it by \
    `cargo +nightly`";

/// Installs the nightly compiler where it is missing, and those of `components` that it lacks.
pub(crate) fn ensure(components: &[&str]) -> Result<(), String> {
    if !succeeds(Command::new("rustup").arg("--version")) {
        return Err(NO_RUSTUP.to_owned());
    }
    if !succeeds(Command::new("rustc").args(["+nightly", "--version"])) {
        run(&mut rustup(&["toolchain", "install", "nightly", "--profile", "minimal"]))?;
    }
    // Those that are there already cost no download.
    if components.is_empty() {
        return Ok(());
    }
    run(&mut rustup(&[&["component", "add", "--toolchain", "nightly"], components].concat()))
}

/// Prepares the nightly cargo. Only rustup's own `cargo` knows what `+nightly` means, not the one that started this.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(args).current_dir(root());
    command.env("RUST_BACKTRACE", "0");
    command
}

fn rustup(args: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(args);
    command
}
