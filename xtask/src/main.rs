//! The chores of this repository, run as `cargo xtask <chore>`.
//!
//! It needs nothing but the standard library, so that the first run on a new machine is quick.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and CI to read")]

mod apt;
mod bench;
mod chaos;
mod command;
mod docs;
mod explore;
mod fuzz;
mod lint;
mod matrix;
mod miri;
mod nightly;
mod queues;
mod setup;
mod sim;
mod tally;
mod test;
mod tidy;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <chore>

  test   run every test, with real servers; the last line tells how many passed and failed
  test matrix [--quick]
         run drivers on every runtime, server, topology and feature set, or on those that CI runs
  lint   check format, clippy, docs and tidy rules
  tidy   check the rules of this repository that no other tool checks
  docs [--serve]
         build the book, or show it and build it anew whenever a page changes
  docs --check [--pictures DIR]
         build the book and load each page in a browser, at the width of a desktop and of a phone; needs Chromium
  ci     do what CI does: lint, a part of each of the following that needs no nightly compiler, then test

  sim [--seeds N] [--from S] [--minutes M] [--replay S] [--broken data|clocks|slow-twins] [--stop]
         play simulated worlds from their seeds; a violation names the seed, and --replay shows its world
  sim --quick
         play what CI plays: the worlds of some seeds that stay, and of some that nobody has seen before
  sim --mutants [NAME]
         put faults into a copy of the core and see that simulation and explorer find each of them
  explore [--quick] [--search NAME] [--max-states N] [--list]
         search every order of events of small cases, on the real machines
  chaos [--minutes M] [--driver redis-rs|fred] [--seed S] [--logs DIR] [--broken own-nodes|wipe] [--same-value]
         contend in many processes while real servers fail, and check what they saw
  bench [--only a,b] [--rounds N] [--millis N] [--hold SECONDS] [--cycles N] [--out DIR] [--quick] [--check]
         measure locks beside the bare commands over the same client and beside rslock, on real servers of its own; tables,
         JSON and plots go to target/bench, and --check fails when a figure is not within its bounds
  queues [--jobs N] [--names N] [--workers N] [--minutes M] [--broker streams|nats|rabbitmq]
         send jobs through real brokers while workers are killed and brokers restarted, and without, and check the history
  fuzz [--seconds N] [TARGET]
         run the fuzz targets for N seconds each (30), with a nightly compiler
  miri   run the core's tests in Miri, with a nightly compiler";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test"] => exit(test::run()),
        ["test", "matrix"] => exit(matrix::run(false)),
        ["test", "matrix", "--quick"] => exit(matrix::run(true)),
        ["lint"] => exit(lint::run_all()),
        ["tidy"] => exit(tidy::run()),
        ["docs", args @ ..] => exit(docs::run(args)),
        ["ci"] => exit(ci()),
        ["sim", args @ ..] => exit(sim::run_with(args)),
        ["explore", args @ ..] => exit(explore::run(args)),
        ["chaos", args @ ..] => exit(chaos::run(args)),
        ["bench", args @ ..] => exit(bench::run(args)),
        ["queues", args @ ..] => exit(queues::run(args)),
        ["fuzz", args @ ..] => exit(fuzz::run_chore(args)),
        ["miri"] => exit(miri::run()),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        [] => misused("no chore given"),
        _ => misused(&format!("not a chore: {}", args.join(" "))),
    }
}

/// As `.ci/run` does it, chore by chore.
fn ci() -> Result<(), String> {
    lint::run_all()?;
    sim::quick()?;
    explore::run(&["--quick"])?;
    chaos::run(&chaos::SHORT)?;
    matrix::run(true)?;
    test::run()
}

fn exit(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The tests have told their result in their own last line.
            if !message.is_empty() {
                eprintln!("xtask: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

fn misused(why: &str) -> ExitCode {
    eprintln!("xtask: {why}\n\n{USAGE}");
    ExitCode::from(2)
}
