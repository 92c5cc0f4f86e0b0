//! Every feature set of each driver, of the core and of the queues, with all of the crate's tests.

use std::path::Path;
use std::process::{Command, Output};

use super::list::{Entry, entries};
use super::servers::Server;
use super::table::{Cell, Table};
use crate::command::{announce, cargo};
use crate::setup;
use crate::tally::Tally;
use crate::test::run_command;

/// Runs the tests of each feature set of the list on the first of the servers.
pub(super) fn table(servers: &[Server]) -> Result<Table, String> {
    let server = servers.first().ok_or("no server in xtask/matrix.list")?;
    // For the queues.
    setup::ensure_nats()?;
    setup::ensure_amqp()?;
    let mut table = Table::new(["crate", "features"].map(str::to_owned).into_iter().chain([head(server)]));
    for entry in entries("features")? {
        let cell = match &server.program {
            Ok((path, _)) => cell(&run_command(tests(&entry, path))?),
            Err(_) => Cell::CannotRun,
        };
        add(&mut table, &entry, cell);
    }
    for entry in entries("alone")? {
        let output = check(&entry)?;
        add(&mut table, &entry, one(output.status.success()));
    }
    for entry in entries("refused")? {
        let output = check(&entry)?;
        add(&mut table, &entry, one(is_refused(&output)));
    }
    Ok(table)
}

/// Names the server over the cells.
fn head(server: &Server) -> String {
    format!("tests on {}", server.name)
}

/// Has the tests start the server at `server`, and not what is on the PATH.
fn tests(entry: &Entry, server: &Path) -> Command {
    let mut command = cargo(&[&["test", "--no-fail-fast"][..], &flags(entry)].concat());
    command.env("REDSYNC_SERVER", server);
    command
}

fn cell(tally: &Tally) -> Cell {
    if tally.is_green() { Cell::Passed(tally.passed) } else { Cell::Failed(tally.failed.max(1)) }
}

fn add(table: &mut Table, entry: &Entry, cell: Cell) {
    let features =
        if entry.kind == "alone" { format!("{}, alone", entry.word(1)) } else { entry.word(1).to_owned() };
    table.add(vec![entry.word(0).to_owned(), features], vec![(entry.state, cell)]);
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

/// Builds the crate without its tests.
fn check(entry: &Entry) -> Result<Output, String> {
    let mut command = cargo(&[&["check"][..], &flags(entry)].concat());
    announce(&command);
    command.output().map_err(|error| format!("cannot start cargo: {error}"))
}

fn one(is_well: bool) -> Cell {
    if is_well { Cell::Passed(1) } else { Cell::Failed(1) }
}

/// Tells whether the build is refused in words that say which features to choose from.
fn is_refused(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stderr);
    !output.status.success() && text.contains("needs an async runtime: enable its feature")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::list::State;

    #[test]
    fn feature_sets_become_flags_of_cargo() {
        let entries = ["features", "alone", "refused"].map(|kind| entries(kind).unwrap());
        for entry in entries.iter().flatten() {
            let flags = flags(entry).join(" ");
            assert!(flags.starts_with("--package redsync-"), "{flags}");
            assert_eq!(entry.state, State::Required);
            assert!(flags.ends_with(entry.word(1)) || !entry.word(1).contains('-'), "{flags}");
        }
    }

    #[test]
    fn tests_start_the_server_that_the_table_names() {
        let entry = entries("features").unwrap().swap_remove(0);
        let path = Path::new("/opt/redis-7.0/redis-server");
        let command = tests(&entry, path);
        let named = command.get_envs().find(|(name, _)| *name == "REDSYNC_SERVER").unwrap();
        assert_eq!(named.1, Some(path.as_os_str()));
        let version = "redis-7.0.15".to_owned();
        let program = Ok((path.to_owned(), version));
        let server = Server { name: "redis-7.0".to_owned(), state: State::Required, program };
        assert_eq!(head(&server), "tests on redis-7.0");
    }
}
