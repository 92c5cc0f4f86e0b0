//! Copies of some packages of this workspace, to be built as a workspace of their own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::root;
use crate::files::{read, write};
use crate::package;

const WORKSPACE: [&str; 3] = ["Cargo.toml", "rustfmt.toml", "clippy.toml"];
/// Where the crates lie that are published, as they are when nobody builds their tests.
const ALONE: &str = "target/alone";

/// Copies these packages, anew each time but for what was built in `place`; manifests go through `edit`.
pub(crate) fn make(place: &Path, packages: &[String], edit: fn(&str) -> String) -> Result<(), String> {
    for package in packages {
        let to = place.join(package);
        if to.exists() {
            fs::remove_dir_all(&to).map_err(|error| format!("cannot remove {}: {error}", to.display()))?;
        }
        copy(&root().join(package), &to)?;
        let manifest = to.join("Cargo.toml");
        write(&manifest, &edit(&read(&manifest)?))?;
    }
    for file in WORKSPACE {
        let text = read(&root().join(file))?;
        write(&place.join(file), &if file == "Cargo.toml" { with_members(&text, packages) } else { text })?;
    }
    Ok(())
}

/// Copies the crates that are published, without what only their tests need, and returns where they are.
///
/// What tests bring along, a version or a feature, may be what a crate has forgotten to ask for itself.
pub(crate) fn without_tests() -> Result<PathBuf, String> {
    let place = root().join(ALONE);
    let packages: Vec<_> = package::published()?.iter().map(|name| format!("crates/{name}")).collect();
    make(&place, &packages, without_dev_dependencies)?;
    Ok(place)
}

/// Returns the root's manifest with other members.
fn with_members(manifest: &str, packages: &[String]) -> String {
    let line = |line: &str| match line.starts_with("members = ") {
        true => format!("members = {packages:?}\n"),
        false => format!("{line}\n"),
    };
    manifest.lines().map(line).collect()
}

fn without_dev_dependencies(manifest: &str) -> String {
    let mut is_left_out = false;
    let mut kept = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_left_out = line.contains("dev-dependencies");
        }
        if !is_left_out {
            kept.extend([line, "\n"]);
        }
    }
    kept
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|error| format!("cannot make {}: {error}", to.display()))?;
    for entry in fs::read_dir(from).map_err(|error| format!("cannot read {}: {error}", from.display()))? {
        let entry = entry.map_err(|error| format!("cannot read {}: {error}", from.display()))?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .map_err(|error| format!("cannot copy to {}: {error}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_those_that_were_copied() {
        let manifest = "[workspace]\nmembers = [\"crates/*\", \"xtask\"]\nresolver = \"3\"\n";
        let expected = "[workspace]\nmembers = [\"crates/a\", \"b\"]\nresolver = \"3\"\n";
        assert_eq!(with_members(manifest, &["crates/a".to_owned(), "b".to_owned()]), expected);
    }

    #[test]
    fn what_tests_need_is_left_out() {
        let manifest = "[dependencies]\na = \"1\"\n[target.'cfg(unix)'.dev-dependencies]\nb = \"1\"\n\
            [dev-dependencies]\nc = \"1\"\n\n[lints]\nworkspace = true\n";
        let expected = "[dependencies]\na = \"1\"\n[lints]\nworkspace = true\n";
        assert_eq!(without_dev_dependencies(manifest), expected);
    }
}
