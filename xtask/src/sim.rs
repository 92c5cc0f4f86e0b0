//! The simulation, and the mutants that it has to find: `cargo xtask sim`.

mod death;
mod kill;
mod mutants;

use crate::command::{cargo, run};

/// How many worlds CI plays that it has always played, and how many that nobody has seen before.
const KNOWN: &str = "2000";
const FRESH: &str = "4000";

/// Runs the simulation with these arguments, or finds the mutants.
pub(crate) fn run_with(args: &[&str]) -> Result<(), String> {
    match args {
        ["--mutants"] => kill::all(""),
        ["--mutants", filter] => kill::all(filter),
        ["--quick"] => quick(),
        _ => simulate(args),
    }
}

/// Runs what CI runs: worlds that it knows, and a range of seeds that follows from the time.
pub(crate) fn quick() -> Result<(), String> {
    simulate(&["--seeds", KNOWN])?;
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Each second has a range of its own.
    let from = since_1970.unwrap_or_default().as_secs() * 10_000;
    simulate(&["--seeds", FRESH, "--from", &from.to_string()])
}

fn simulate(args: &[&str]) -> Result<(), String> {
    let program = ["run", "--release", "--package", "redsync-testkit", "--example", "sim", "--"];
    run(&mut cargo(&[&program, args].concat()))
}
