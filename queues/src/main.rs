//! Jobs through real brokers, between real processes that are killed: see the library.
//!
//! `redsync-queues` publishes jobs, starts workers, which are processes of this same program, and checks what they did.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and CI to read")]

mod args;

use std::{env, process::ExitCode};

use args::{Args, USAGE};
use redsync_queues::{Failure, HEAD, Load, WORKER, run_load, work};

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let result = match args.as_slice() {
        [first, orders] if first == WORKER => work(orders).map(|()| true),
        _ => conduct(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("redsync-queues: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs every broker that is asked for, with trouble and without, and tells whether all was as promised. Each row is there as
/// soon as its run is over: all of them take long, and one that does not end must not keep back what is known by then.
fn conduct() -> Result<bool, Failure> {
    let Some(args) = Args::parse()? else {
        println!("{USAGE}");
        return Ok(true);
    };
    let program = env::current_exe()?;
    let mut is_well = true;
    println!("{HEAD}");
    for broker in &args.brokers {
        for is_rough in [false, true] {
            let report = run_load(Load { is_rough, ..args.load }, *broker, &program)?;
            println!("{report}");
            report.violations.iter().for_each(|violation| eprintln!("{broker}: {violation}"));
            is_well &= report.is_well();
        }
    }
    Ok(is_well)
}
