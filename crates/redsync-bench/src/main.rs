//! Measures locks beside their floor and beside rslock, and prints tables of ratios.
//!
//! `cargo xtask bench` builds it as it is used, and runs it. Servers of its own are started for each workload. Whatever is
//! compared takes turns, several times, so that what else the machine does falls on all alike; a figure is the median of the
//! rounds, and only ratios of one run mean anything.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]

mod args;
mod child;
mod figures;
mod locker;
mod machine;
mod measure;
mod monitor;
mod report;
mod stage;
mod workload;

use std::{env, error::Error, fs, process::ExitCode, thread};

use args::Args;
use child::{CHILD, Part};
use lexopt::Parser;
use report::Report;
use stage::Stage;

type BoxError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything that is to be checked holds.
fn run() -> Result<bool, BoxError> {
    let mut words = env::args().skip(1);
    if let (Some(CHILD), Some(part)) = (words.next().as_deref(), words.next()) {
        return Part::play(&part).map(|()| true);
    }
    let args = Args::parse(Parser::from_env())?;
    let report = measured(&args)?;
    println!("{}", report.tables());
    let verdicts = report.verdicts();
    if args.check {
        verdicts.iter().for_each(|verdict| println!("{verdict}"));
    }
    fs::create_dir_all(&args.out)?;
    fs::write(args.out.join("bench.md"), report.tables())?;
    fs::write(args.out.join("bench.json"), report.json()?)?;
    report.plot(&args.out)?;
    Ok(!args.check || verdicts.iter().all(|verdict| verdict.holds))
}

fn measured(args: &Args) -> Result<Report, BoxError> {
    let mut rows = Vec::new();
    for workload in &args.only {
        eprintln!("({}) {}", workload.letter, workload.name);
        rows.extend((workload.run)(args)?);
    }
    Ok(Report { machine: machine(args)?, rows })
}

fn machine(args: &Args) -> Result<String, BoxError> {
    let server = Stage::with(1)?.first().ok_or("no server")?.version()?;
    let cores = thread::available_parallelism()?;
    let (rounds, turn) = (args.rounds, args.turn);
    Ok(format!("{server}, {cores} cores; medians of {rounds} rounds (least–most), turns from {turn:?} on."))
}
