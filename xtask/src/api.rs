//! What users can name of the crates that are published, in lists that are kept: `cargo xtask api`.
//!
//! A change of what users see becomes a change of a list, which nobody who looks at a pull request can miss.

use std::path::PathBuf;

use crate::command::{announce, output, root};
use crate::{files, nightly, package, setup, tools};

const LISTS: &str = "xtask/api";

/// Checks that the crates have what their lists say, or with `--write` writes the lists.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let settle: fn(&str, &str) -> Result<(), String> = match args {
        [] => compare,
        ["--write"] => write,
        _ => return Err(format!("not for api: {}; there is --write", args.join(" "))),
    };
    tools::need(&[tools::PUBLIC_API])?;
    nightly::ensure(&[])?;
    setup::ensure_openssl()?;
    let results: Vec<_> = package::published()?.iter().map(|name| settle(name, &list(name)?)).collect();
    let faults: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Lists all that is public in a crate, but for blanket implementations, auto traits and what is derived: `semver` tells when
/// a type of a release is `Send` or `Clone` no more. It is built as docs.rs builds it, which would be the first to notice
/// otherwise that this fails.
fn list(name: &str) -> Result<String, String> {
    let mut command = nightly::cargo(&["public-api", "-sss", "--all-features", "--package", name]);
    command.env("RUSTDOCFLAGS", "--cfg docsrs");
    announce(&command);
    output(&mut command)
}

fn compare(name: &str, list: &str) -> Result<(), String> {
    let kept = files::read(&path(name))?;
    let changes = changes(&kept, list);
    if changes.is_empty() {
        return Ok(());
    }
    Err(format!("{name} is not as listed; `cargo xtask api --write` lists it anew:\n{}", changes.join("\n")))
}

/// Returns the lines that have gone, then those that have come.
fn changes(before: &str, now: &str) -> Vec<String> {
    let only_in = |some: &str, others: &str, sign: &str| {
        let others: Vec<_> = others.lines().collect();
        let lines = some.lines().filter(|line| !others.contains(line));
        lines.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    [only_in(before, now, "-"), only_in(now, before, "+")].concat()
}

fn write(name: &str, list: &str) -> Result<(), String> {
    files::write(&path(name), list)
}

fn path(name: &str) -> PathBuf {
    root().join(LISTS).join(format!("{name}.txt"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_has_gone_and_what_has_come_is_told() {
        assert!(changes("pub fn a\npub fn b\n", "pub fn b\npub fn a\n").is_empty());
        assert_eq!(changes("pub fn a\npub fn b\n", "pub fn b\npub fn c\n"), ["- pub fn a", "+ pub fn c"]);
    }

    #[test]
    fn there_is_a_list_for_every_crate_that_is_published() {
        let lists = fs::read_dir(root().join(LISTS)).unwrap();
        let files = lists.map(|list| list.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = files.map(|file| file.trim_end_matches(".txt").to_owned()).collect();
        names.sort_unstable();
        assert_eq!(names, package::published().unwrap());
    }
}
