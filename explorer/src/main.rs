//! Runs the searches: `cargo run --release -p redsync-explorer -- [--search NAME] [--max-states N] [--quick] [--list]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it found")]

use std::process::ExitCode;

use redsync_explorer::{
    explore::{self, Report},
    search::Search,
    searches,
};

/// How many states a search may have that is to be exhausted: as many as memory has room for.
const MOST: usize = 50_000_000;

struct Options {
    names: Vec<String>,
    /// After how many states a search is to stop; without this it has to see them all.
    most: Option<usize>,
    quick: bool,
    list: bool,
}

impl Options {
    /// Whether nothing was found, and everything was seen that was to be.
    fn is_passed_by(&self, report: &Report) -> bool {
        report.violation.is_none() && (report.exhausted || self.most.is_some())
    }
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok(options) => run(&options),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { names: Vec::new(), most: None, quick: false, list: false };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => options.list = true,
            "--quick" => options.quick = true,
            "--search" => options.names.push(args.next().ok_or("--search needs a name")?),
            "--max-states" => {
                let number = args.next().ok_or("--max-states needs a number")?;
                let parsed = number.parse().map_err(|error| format!("--max-states {number}: {error}"))?;
                options.most = Some(parsed);
            }
            _ => return Err(format!("{arg}: there are --search NAME, --max-states N, --quick and --list")),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> ExitCode {
    let all = searches::all();
    if let Some(name) = options.names.iter().find(|name| all.iter().all(|search| search.name != **name)) {
        eprintln!("there is no search {name}; --list tells which there are");
        return ExitCode::from(2);
    }
    let is_wanted = |search: &&Search| match options.names.is_empty() {
        true => search.quick || !options.quick,
        false => options.names.iter().any(|name| name == search.name),
    };
    println!(
        "{:<22} {:>10} {:>11} {:>5} {:>8} {:>9} {:>7}",
        "search", "states", "transitions", "depth", "clients", "exhausted", "seconds"
    );
    for search in all.iter().filter(is_wanted) {
        if options.list {
            println!("{:<22} {}", search.name, search.about);
            continue;
        }
        let report = explore::run(search, options.most.unwrap_or(MOST));
        tell(search, &report);
        if !options.is_passed_by(&report) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn tell(search: &Search, report: &Report) {
    let exhausted = if report.exhausted { "yes" } else { "no" };
    println!(
        "{:<22} {:>10} {:>11} {:>5} {:>8} {:>9} {:>7.1}",
        search.name,
        report.states,
        report.transitions,
        report.depth,
        report.clients,
        exhausted,
        report.took.as_secs_f64()
    );
    if let Some(violation) = &report.violation {
        for (number, line) in (1..).zip(&violation.trace) {
            println!("{number:>3}. {line}");
        }
        let (invariant, depth, states) = (violation.invariant, violation.trace.len(), report.states);
        println!("violation: {invariant} in {} at depth {depth} after {states} states", search.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_is_not_exhausted_passes_only_where_it_was_to_stop() {
        let [asked, unasked] = [&["--max-states", "10"][..], &[]]
            .map(|args| options(args.iter().map(ToString::to_string)).unwrap());
        let pair = searches::all().into_iter().find(|search| search.name == "pair").unwrap();
        let stopped = explore::run(&pair, asked.most.unwrap());
        assert!(!stopped.exhausted);
        assert!(asked.is_passed_by(&stopped));
        assert!(!unasked.is_passed_by(&stopped));
        assert!(unasked.is_passed_by(&Report { exhausted: true, ..stopped }));
    }
}
