//! Measures locks beside their floor, and prints a table of ratios.
//!
//! `cargo xtask bench` builds it as it is used, and runs it. Servers of its own are started for each workload. Whatever is
//! compared takes turns, several times, so that what else the machine does falls on all alike; a figure is the median of the
//! rounds, and only ratios of one run mean anything.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]

mod args;
mod measure;
mod report;
mod stage;
mod workload;

use std::{error::Error, fs, process::ExitCode};

use args::Args;
use report::Report;

type BoxError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), BoxError> {
    let args = Args::from_env()?;
    // One thread, as the floor has it; the servers have the other cores.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measured(&args))?;
    println!("{}", report.table());
    fs::create_dir_all(&args.out)?;
    fs::write(args.out.join("bench.md"), report.table())?;
    fs::write(args.out.join("bench.json"), report.json()?)?;
    Ok(())
}

async fn measured(args: &Args) -> Result<Report, BoxError> {
    let mut report = Report::default();
    for nodes in [1, 3, 5] {
        report.add("alone", nodes, workload::alone::run(args, nodes).await?);
    }
    for nodes in [1, 3] {
        report.add("travels", nodes, workload::travels::run(args, nodes).await?);
    }
    Ok(report)
}
