//! Every feature set of each driver and of the core, with all of the crate's tests.

use super::list::{Entry, entries};
use super::table::{Cell, Table};
use crate::command::{announce, cargo};
use crate::test::run_build;

/// Runs the tests of each feature set of the list.
pub(super) fn table() -> Result<Table, String> {
    let mut table = Table::new(["crate", "features", "tests"].map(str::to_owned));
    for entry in entries("features")? {
        let tally = run_build(&[&["test", "--no-fail-fast"][..], &flags(&entry)].concat())?;
        let cell =
            if tally.is_green() { Cell::Passed(tally.passed) } else { Cell::Failed(tally.failed.max(1)) };
        add(&mut table, &entry, cell);
    }
    for entry in entries("refused")? {
        let cell = if is_refused(&entry)? { Cell::Passed(1) } else { Cell::Failed(1) };
        add(&mut table, &entry, cell);
    }
    Ok(table)
}

fn add(table: &mut Table, entry: &Entry, cell: Cell) {
    table.add(vec![entry.word(0).to_owned(), entry.word(1).to_owned()], vec![(entry.state, cell)]);
}

fn flags(entry: &Entry) -> Vec<&str> {
    let package = ["--package", entry.word(0)];
    match entry.word(1) {
        "default" => package.to_vec(),
        "all" => [&package[..], &["--all-features"]].concat(),
        "none" => [&package[..], &["--no-default-features"]].concat(),
        features => [&package[..], &["--no-default-features", "--features", features]].concat(),
    }
}

/// Tells whether the build is refused in words that say which features to choose from.
fn is_refused(entry: &Entry) -> Result<bool, String> {
    let mut command = cargo(&[&["check"][..], &flags(entry)].concat());
    announce(&command);
    let output = command.output().map_err(|error| format!("cannot start cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(!output.status.success() && text.contains("needs an async runtime: enable its feature"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::list::State;

    #[test]
    fn feature_sets_become_flags_of_cargo() {
        for entry in entries("features").unwrap().iter().chain(&entries("refused").unwrap()) {
            let flags = flags(entry).join(" ");
            assert!(flags.starts_with("--package redsync-"), "{flags}");
            assert_eq!(entry.state, State::Required);
            assert!(flags.ends_with(entry.word(1)) || !entry.word(1).contains('-'), "{flags}");
        }
    }
}
