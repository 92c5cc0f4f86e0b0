//! Tools that take minutes to build: chores ask for them, and only `cargo xtask tools` installs them.

use std::process::Command;

use crate::command::{cargo, run as run_command, succeeds, words};
use crate::package;

/// Is something that a chore asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tool {
    /// A subcommand of cargo, and the version of its crate that is installed.
    Cargo(&'static str, &'static str),
    /// The oldest Rust that is supported.
    Msrv,
}

pub(crate) const DENY: Tool = Tool::Cargo("deny", "0.20.2");
pub(crate) const HACK: Tool = Tool::Cargo("hack", "0.6.46");
pub(crate) const PUBLIC_API: Tool = Tool::Cargo("public-api", "0.52.0");
pub(crate) const SEMVER_CHECKS: Tool = Tool::Cargo("semver-checks", "0.51.0");

const TOOLS: [Tool; 5] = [DENY, HACK, PUBLIC_API, SEMVER_CHECKS, Tool::Msrv];

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Cargo(name, _) => name,
            Self::Msrv => "msrv",
        }
    }

    /// Another version will do as well.
    fn is_there(self) -> Result<bool, String> {
        Ok(match self {
            Self::Cargo(name, _) => succeeds(&mut cargo(&[name, "--version"])),
            Self::Msrv => {
                let mut rust = Command::new("cargo");
                // Or rustup may fetch it to tell its version.
                rust.env("RUSTUP_AUTO_INSTALL", "0");
                succeeds(rust.args([&format!("+{}", package::stated("rust-version")?), "--version"]))
            }
        })
    }

    fn installer(self) -> Result<Command, String> {
        Ok(match self {
            Self::Cargo(name, version) => cargo(&["install", "--locked", &format!("cargo-{name}@{version}")]),
            Self::Msrv => {
                let mut rustup = Command::new("rustup");
                let version = package::stated("rust-version")?;
                rustup.args(["toolchain", "install", &version, "--profile", "minimal"]);
                rustup
            }
        })
    }
}

/// Installs the tools that have these names, or all; those that are there already stay as they are.
pub(crate) fn run(names: &[&str]) -> Result<(), String> {
    for tool in named(names)? {
        if !tool.is_there()? {
            run_command(&mut tool.installer()?)?;
        }
    }
    Ok(())
}

fn named(names: &[&str]) -> Result<Vec<Tool>, String> {
    let find = |name: &&str| {
        let tool = TOOLS.into_iter().find(|tool| tool.name() == *name);
        let known = TOOLS.map(Tool::name).join(", ");
        tool.ok_or_else(|| format!("no such tool: {name}; there are {known}"))
    };
    if names.is_empty() { Ok(TOOLS.to_vec()) } else { names.iter().map(find).collect() }
}

/// Fails with the commands that install these tools, where they are missing.
pub(crate) fn need(tools: &[Tool]) -> Result<(), String> {
    let mut missing = Vec::new();
    for tool in tools {
        if !tool.is_there()? {
            missing.push(words(&tool.installer()?));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join("\n");
    Err(format!(
        "a tool is missing; `cargo xtask tools` installs all that CI needs, and this what it lacks:\n{missing}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_their_names() {
        assert_eq!(named(&[]), Ok(TOOLS.to_vec()));
        assert_eq!(named(&["msrv", "deny"]), Ok(vec![Tool::Msrv, DENY]));
        assert!(named(&["deny", "denial"]).unwrap_err().starts_with("no such tool: denial"));
    }

    #[test]
    fn what_is_missing_is_named_with_the_command_that_installs_it() {
        assert_eq!(need(&[]), Ok(()));
        let message = need(&[Tool::Cargo("no-such-tool", "1.2.3")]).unwrap_err();
        assert!(message.ends_with("\ncargo install --locked cargo-no-such-tool@1.2.3"), "{message}");
    }
}
