//! Faults on real servers while many processes contend for locks, and a check of what they saw.
//!
//! `redsync-chaos --minutes 2` starts servers and contenders, makes things go wrong after a plan that is drawn from a
//! seed, and then checks the logs of all contenders: see [`check`] for what has to hold. Contenders are processes of
//! this same program.
//!
//! What the locks promise depends on assumptions, and the plan keeps to them: a server that lost its data stays away
//! for longer than the TTL, and at most two of five are away for anybody at the same time. With `--broken` it breaks
//! one on purpose, and the check has to find out. With `--same-value` rivals share their fixed values.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and CI to read")]

mod args;
mod check;
mod clock;
mod conductor;
mod contender;
mod crew;
mod faults;
mod history;
mod ledger;
mod log;
mod report;
mod stage;
mod terms;

use std::{env, process::ExitCode};

use args::{Args, USAGE};
use report::Report;

/// Is whatever ends a process of this program early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Is the first argument of a contender, before its orders.
const CONTENDER: &str = "contender";

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let result = match args.as_slice() {
        [first, orders] if first == CONTENDER => contend(orders).map(|()| true),
        _ => conduct(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("redsync-chaos: {error}");
            ExitCode::from(2)
        }
    }
}

fn contend(orders: &str) -> Result<(), Failure> {
    contender::run(serde_json::from_str(orders)?)
}

/// Runs every driver that is asked for, and tells whether all was as promised.
fn conduct() -> Result<bool, Failure> {
    let Some(args) = Args::parse()? else {
        println!("{USAGE}");
        return Ok(true);
    };
    let results = args.drivers.iter().map(|driver| conductor::run(&args, *driver));
    let reports = results.collect::<Result<Vec<_>, _>>()?;
    let violations: Vec<_> = reports.iter().filter_map(Report::violations).collect();
    violations.iter().for_each(|violations| eprintln!("{violations}"));
    println!("{}", report::table(&reports));
    Ok(violations.is_empty())
}
