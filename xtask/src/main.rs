//! The chores of this repository, run as `cargo xtask <chore>`.
//!
//! It needs nothing but the standard library, so that the first run on a new machine is quick.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and CI to read")]

mod api;
mod apt;
mod bench;
mod chaos;
mod checks;
mod ci;
mod command;
mod docs;
mod excerpt;
mod explore;
mod files;
mod fuzz;
mod lint;
mod matrix;
mod miri;
mod nightly;
mod package;
mod queues;
mod setup;
mod sim;
mod tally;
mod test;
mod tidy;
mod tools;

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
  ci     do all that CI does with a change: lint, a part of what runs for long, the checks of what is published, and test
  fix    write what ci would complain of: changes that lint is sure of, the format, and the lists of what is public

  package
         do all but upload what is published: each crate has to build from its package alone, with all features, and to
         have its licences, README and metadata in it
  api [--write]
         compare what is public in what is published, but for derived and auto traits, with the lists in xtask/api, or write
         these; needs cargo-public-api
  semver compare what is public with the last release, by the rules of semantic versioning; needs cargo-semver-checks
  deny [advisories] [bans] [licenses] [sources]
         check the dependencies by deny.toml; needs cargo-deny
  minimal
         build what is published with the oldest versions that it asks for, with a nightly compiler to choose them
  msrv   build what is published with the oldest Rust that Cargo.toml promises, which rustup has to have
  features
         lint what is published with each feature, and with each two; needs cargo-hack
  tools [NAME]...
         install what the chores above ask for: deny, hack, public-api, semver-checks, msrv, or all of them

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
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        [] => misused("no chore given"),
        args => run_chore(args).map_or_else(|| misused(&format!("not a chore: {}", args.join(" "))), exit),
    }
}

/// Does a chore, if there is such a one.
fn run_chore(args: &[&str]) -> Option<Result<(), String>> {
    Some(match args {
        ["test"] => test::run(),
        ["test", "matrix"] => matrix::run(false),
        ["test", "matrix", "--quick"] => matrix::run(true),
        ["lint"] => lint::run_all(),
        ["tidy"] => tidy::run(),
        ["docs", args @ ..] => docs::run(args),
        ["ci"] => ci::run(),
        ["fix"] => ci::fix(),
        ["package"] => package::run(),
        ["api", args @ ..] => api::run(args),
        ["semver"] => checks::semver(),
        ["deny", args @ ..] => checks::deny(args),
        ["minimal"] => checks::minimal(),
        ["msrv"] => checks::msrv(),
        ["features"] => checks::features(),
        ["tools", args @ ..] => tools::run(args),
        ["sim", args @ ..] => sim::run_with(args),
        ["explore", args @ ..] => explore::run(args),
        ["chaos", args @ ..] => chaos::run(args),
        ["bench", args @ ..] => bench::run(args),
        ["queues", args @ ..] => queues::run(args),
        ["fuzz", args @ ..] => fuzz::run_chore(args),
        ["miri"] => miri::run(),
        _ => return None,
    })
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
