//! Every driver on every runtime, server, topology and feature set: `cargo xtask test matrix`.

mod debian;
mod features;
mod list;
mod programs;
mod servers;
mod table;

use std::fs;
use std::path::Path;

use crate::command::root;
use crate::setup;
use list::{Entry, State, entries};
use programs::{Program, Results};
use servers::Server;
use table::{Cell, Count, Table};

/// The column that stands for a list of its own, and not for one topology.
const CONFORMANCE: &str = "conformance";
const REPORT: &str = "target/matrix.md";

/// Runs all cells, or the quick ones on the required servers only. Writes the tables, and fails when a required
/// cell did not pass.
pub(crate) fn run(quick: bool) -> Result<(), String> {
    setup::ensure_openssl()?;
    let servers = servers::all(quick)?;
    let columns: Vec<_> =
        entries("column")?.into_iter().filter(|entry| !quick || entry.word(1) == "quick").collect();
    let programs = programs::build(&[CONFORMANCE, "topologies"])?;
    let mut report = format!("# The test matrix\n\n{}\n", describe(&servers));
    let mut tables = vec![cells(&servers, &columns, &programs)?];
    if !quick {
        tables.push(features::table(&servers)?);
    }
    for table in &tables {
        report.push_str(&format!("{table}\n"));
    }
    let (required, optional) = (count(&tables, State::Required), count(&tables, State::Optional));
    report.push_str(&summary(required, optional));
    println!("{report}");
    fs::write(root().join(REPORT), &report).map_err(|error| format!("cannot write {REPORT}: {error}"))?;
    // An optional cell that could be run and failed is a fault like any other.
    let bad = required.failed + required.cannot_run + optional.failed;
    if bad == 0 { Ok(()) } else { Err(format!("{bad} cells of the matrix are red, see {REPORT}")) }
}

/// Names the servers, and those that are missing.
fn describe(servers: &[Server]) -> String {
    let line = |server: &Server| match &server.program {
        Ok((_, version)) => format!("- {}: {version}\n", server.name),
        Err(why) => format!("- {} ({:?}): MISSING, {why}\n", server.name, server.state),
    };
    servers.iter().map(line).collect()
}

/// Makes the table of servers, drivers and runtimes by topologies.
fn cells(servers: &[Server], columns: &[Entry], programs: &[Program]) -> Result<Table, String> {
    let names = columns.iter().map(|column| column.word(0).to_owned());
    let mut table = Table::new(["server", "driver", "runtime"].map(str::to_owned).into_iter().chain(names));
    for server in servers {
        for row in entries("row")? {
            let results = match &server.program {
                Ok((path, _)) => Some(results(programs, &row, path, columns)?),
                Err(_) => None,
            };
            let cell = |column| (state(server, &row, column), cell(results.as_ref(), column, columns));
            let names = [&server.name, row.word(0), row.word(1)].map(str::to_owned).to_vec();
            table.add(names, columns.iter().map(cell).collect());
        }
    }
    Ok(table)
}

/// Runs the tests of a row, without those of columns that are not asked for.
fn results(programs: &[Program], row: &Entry, server: &Path, columns: &[Entry]) -> Result<Results, String> {
    let runtime = format!("{}::", row.word(1));
    let all = entries("column")?;
    let unwanted = all.iter().filter(|column| !columns.contains(column)).map(|column| column.word(0));
    let skipped: Vec<_> = unwanted.flat_map(|name| ["--skip", name]).collect();
    let filters = [&[runtime.as_str()][..], &skipped].concat();
    let mut results = Results::new();
    for program in programs.iter().filter(|program| program.package == row.word(0)) {
        results.extend(programs::run(program, server, &filters)?);
    }
    all_have_columns(&results, &all)?;
    Ok(results)
}

/// Fails for a test that would count in no cell, whatever came of it.
fn all_have_columns(results: &Results, columns: &[Entry]) -> Result<(), String> {
    let homeless = |path: &&String| column_of(path, columns).is_none();
    let homeless: Vec<_> = results.keys().filter(homeless).map(String::as_str).collect();
    if homeless.is_empty() {
        return Ok(());
    }
    Err(format!("no column in xtask/matrix.list for {}", homeless.join(", ")))
}

fn state(server: &Server, row: &Entry, column: &Entry) -> State {
    let states = [server.state, row.state, column.state];
    if states.contains(&State::Optional) { State::Optional } else { State::Required }
}

/// Sums up the tests of a column; there is no cell without a test.
fn cell(results: Option<&Results>, column: &Entry, columns: &[Entry]) -> Cell {
    let Some(results) = results else { return Cell::CannotRun };
    let of_column = |path: &&String| column_of(path, columns) == Some(column.word(0));
    let (passed, failed): (Vec<_>, Vec<_>) =
        results.keys().filter(of_column).partition(|path| results[*path]);
    if failed.is_empty() && !passed.is_empty() {
        Cell::Passed(passed.len())
    } else {
        Cell::Failed(failed.len())
    }
}

/// Finds the column of a test such as `smol::topologies::cluster_fail_over_before_replication`: the longest whose
/// name it begins with.
fn column_of<'a>(path: &str, columns: &'a [Entry]) -> Option<&'a str> {
    let (list, test) = path.split_once("::")?.1.split_once("::")?;
    let matches = |name: &&str| match list {
        CONFORMANCE => *name == CONFORMANCE,
        _ => test.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')),
    };
    columns.iter().map(|column| column.word(0)).filter(matches).max_by_key(|name| name.len())
}

fn count(tables: &[Table], state: State) -> Count {
    tables.iter().map(|table| table.count(state)).fold(Count::default(), |sum, count| Count {
        passed: sum.passed + count.passed,
        failed: sum.failed + count.failed,
        cannot_run: sum.cannot_run + count.cannot_run,
    })
}

fn summary(required: Count, optional: Count) -> String {
    let line = |name, count: Count| {
        let Count { passed, failed, cannot_run } = count;
        format!("{name} cells: {passed} passed, {failed} failed, {cannot_run} could not be run\n")
    };
    format!("{}{}", line("required", required), line("optional", optional))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_belongs_to_the_longest_column_that_it_begins_with() {
        let columns = entries("column").unwrap();
        for (path, expected) in [
            ("smol::conformance::acquire_sets_the_key", Some("conformance")),
            ("smol::topologies::cluster", Some("cluster")),
            ("smol::topologies::cluster_fail_over", Some("cluster_fail_over")),
            ("smol::topologies::cluster_fail_over_of_an_unreplicated_lock", Some("cluster_fail_over")),
            ("smol::topologies::unknown", None),
            ("other", None),
        ] {
            assert_eq!(column_of(path, &columns), expected, "{path}");
        }
    }

    #[test]
    fn a_test_without_a_column_is_an_error() {
        let columns = entries("column").unwrap();
        let mut results = Results::from([("smol::topologies::tls".to_owned(), true)]);
        assert_eq!(all_have_columns(&results, &columns), Ok(()));
        for passed in [true, false] {
            results.insert("smol::topologies::unheard_of".to_owned(), passed);
            assert!(all_have_columns(&results, &columns).unwrap_err().contains("unheard_of"));
        }
    }

    #[test]
    fn a_cell_without_tests_has_not_passed() {
        let columns = entries("column").unwrap();
        let tls = columns.iter().find(|column| column.word(0) == "tls").unwrap();
        let results = |passed| Results::from([("smol::topologies::tls".to_owned(), passed)]);
        assert_eq!(cell(Some(&results(true)), tls, &columns), Cell::Passed(1));
        assert_eq!(cell(Some(&results(false)), tls, &columns), Cell::Failed(1));
        assert_eq!(cell(Some(&Results::new()), tls, &columns), Cell::Failed(0));
        assert_eq!(cell(None, tls, &columns), Cell::CannotRun);
    }
}
