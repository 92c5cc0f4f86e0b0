//! What is checked of the crates that are published, as those see them who depend on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, root, run};
use crate::tools::{self, Tool};
use crate::{excerpt, files, nightly, package, setup};

const CHANGELOG: &str = "CHANGELOG.md";
/// The driver whose features do not all go together, and how cargo-hack is told: it is refused without a runtime, and
/// the `redis` crate does not compile for smol where TLS is on for Tokio alone.
const NOT_TOGETHER: (&str, [&str; 8]) = (
    "redsync-redis-rs",
    [
        "--at-least-one-of",
        "tokio,smol",
        "--mutually-exclusive-features",
        "smol,tokio-native-tls",
        "--mutually-exclusive-features",
        "smol,tokio-rustls",
        "--mutually-exclusive-features",
        "smol,webpki-roots",
    ],
);

/// Checks licences, advisories, duplicates and sources of all dependencies, or those of these that are named.
pub(crate) fn deny(what: &[&str]) -> Result<(), String> {
    tools::need(&[tools::DENY])?;
    run(&mut cargo(&[&["deny", "check"], what].concat()))
}

/// Checks that the next release may have the number that it has, after the last one.
pub(crate) fn semver() -> Result<(), String> {
    let changes = files::read(&root().join(CHANGELOG))?;
    let Some(version) = last_release(&changes) else {
        println!("{CHANGELOG} names no release yet, so there is none that a change could break");
        return Ok(());
    };
    tools::need(&[tools::SEMVER_CHECKS])?;
    let mut check = cargo(&["semver-checks", "--all-features", "--baseline-rev", &format!("v{version}")]);
    run(check.args(package::published()?.iter().flat_map(|name| ["--package", name])))
}

/// Checks that the crates build with the oldest Rust that they promise to build with.
pub(crate) fn msrv() -> Result<(), String> {
    let version = package::stated("rust-version")?;
    tools::need(&[Tool::Msrv])?;
    let place = prepare()?;
    run(&mut rustup_cargo(&place, &version, &["check", "--workspace", "--all-features"]))
}

/// Checks that each crate builds with the oldest versions of what it asks for.
pub(crate) fn minimal() -> Result<(), String> {
    nightly::ensure(&[])?;
    let place = prepare()?;
    run(&mut rustup_cargo(&place, "nightly", &["generate-lockfile", "-Z", "direct-minimal-versions"]))?;
    // One by one, since features add up over what is built together.
    for name in package::published()? {
        run(&mut here(&place, cargo(&["check", "--locked", "--all-features", "--package", &name])))?;
    }
    Ok(())
}

/// Checks every crate with each of its features and with each two of them.
pub(crate) fn features() -> Result<(), String> {
    tools::need(&[tools::HACK])?;
    setup::ensure_component("clippy", "clippy")?;
    let place = prepare()?;
    for name in package::published()? {
        let mut hack = cargo(&["hack", "clippy", "--feature-powerset", "--depth", "2", "--package", &name]);
        if name == NOT_TOGETHER.0 {
            hack.args(NOT_TOGETHER.1);
        }
        hack.args(["--", "-D", "warnings"]);
        run(&mut here(&place, hack))?;
    }
    Ok(())
}

/// Copies the crates without their tests, and without versions that anything else was built with.
fn prepare() -> Result<PathBuf, String> {
    setup::ensure_openssl()?;
    let place = excerpt::without_tests()?;
    match fs::remove_file(place.join("Cargo.lock")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}/Cargo.lock: {error}", place.display()))
        }
        Ok(()) | Err(_) => Ok(place),
    }
}

/// Prepares the cargo of another toolchain. Only rustup's own `cargo` knows what `+` means.
fn rustup_cargo(place: &Path, toolchain: &str, args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.arg(format!("+{toolchain}")).args(args);
    here(place, command)
}

/// Has a command run in that place, and build where everything else is built.
fn here(place: &Path, mut command: Command) -> Command {
    command.current_dir(place).env("CARGO_TARGET_DIR", package::target());
    command
}

/// Returns the version of the first heading that has one.
fn last_release(changes: &str) -> Option<&str> {
    let headings = changes.lines().filter_map(|line| line.strip_prefix("## ["));
    let versions = headings.filter_map(|heading| Some(heading.split_once(']')?.0));
    versions.into_iter().find(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_release_is_the_first_in_the_changelog() {
        assert_eq!(last_release("# Changelog\n\n## [Unreleased]\n\n- [1.2.3]\n"), None);
        let changes = "## [Unreleased]\n\n## [0.2.0] - 2026-12-24\n\n## [0.1.0] - 2026-12-01\n";
        assert_eq!(last_release(changes), Some("0.2.0"));
    }

    #[test]
    fn commands_of_other_toolchains_run_in_their_place() {
        let command = rustup_cargo(Path::new("/there"), "1.88", &["check"]);
        assert_eq!(crate::command::words(&command), "cargo +1.88 check");
        assert_eq!(command.get_current_dir(), Some(Path::new("/there")));
    }
}
