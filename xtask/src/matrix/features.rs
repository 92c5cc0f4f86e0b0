//! Every feature set of each driver and of the core, with all of the crate's tests.

use std::path::Path;
use std::process::Command;

use super::list::{Entry, entries};
use super::servers::Server;
use super::table::{Cell, Table};
use crate::command::{announce, cargo};
use crate::tally::Tally;
use crate::test::run_command;

/// Runs the tests of each feature set of the list on the first of the servers.
pub(super) fn table(servers: &[Server]) -> Result<Table, String> {
    let server = servers.first().ok_or("no server in xtask/matrix.list")?;
    let mut table = Table::new(["crate", "features"].map(str::to_owned).into_iter().chain([head(server)]));
    for entry in entries("features")? {
        let cell = match &server.program {
            Ok((path, _)) => cell(&run_command(tests(&entry, path))?),
            Err(_) => Cell::CannotRun,
        };
        add(&mut table, &entry, cell);
    }
    for entry in entries("refused")? {
        let cell = if is_refused(&entry)? { Cell::Passed(1) } else { Cell::Failed(1) };
        add(&mut table, &entry, cell);
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
