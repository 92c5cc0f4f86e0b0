//! The chores of this repository, run as `cargo xtask <chore>`.
//!
//! It needs nothing but the standard library, so that the first run on a new machine is quick.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and CI to read")]

mod apt;
mod command;
mod lint;
mod matrix;
mod setup;
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
  ci     do what CI does: lint, the quick matrix, then test";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test"] => exit(test::run()),
        ["test", "matrix"] => exit(matrix::run(false)),
        ["test", "matrix", "--quick"] => exit(matrix::run(true)),
        ["lint"] => exit(lint::run_all()),
        ["tidy"] => exit(tidy::run()),
        ["ci"] => exit(lint::run_all().and_then(|()| matrix::run(true)).and_then(|()| test::run())),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        [] => misused("no chore given"),
        _ => misused(&format!("not a chore: {}", args.join(" "))),
    }
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
