//! Runs the fuzz targets for a while: `cargo xtask fuzz`.

mod report;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::command::{announce, cannot_start, cargo, root, run, succeeds};
use crate::{nightly, setup};
use report::Report;

const TARGETS: [&str; 4] = ["machines", "options", "replies", "tokens"];
const SECONDS: u64 = 30;
/// Longer inputs say nothing that several short ones do not.
const LONGEST_INPUT: &str = "-max_len=600";
/// An input that takes longer is taken for a call that hangs; most take less than a millisecond.
const LONGEST_RUN: &str = "-timeout=20";

/// Runs one target, or each, and fails when one of them crashed. `args` are those of the chore.
pub(crate) fn run_chore(args: &[&str]) -> Result<(), String> {
    let (seconds, targets) = parse(args)?;
    setup::ensure_cpp()?;
    nightly::ensure(&[])?;
    ensure_cargo_fuzz()?;
    let mut crashed = Vec::new();
    for target in targets {
        let report = fuzz(target, seconds)?;
        println!("{target:<10} {report}");
        if report.is_crash() {
            eprintln!("{}", report.how_to_replay(target));
            crashed.push(target);
        }
    }
    if crashed.is_empty() { Ok(()) } else { Err(format!("crashed: {}", crashed.join(", "))) }
}

/// Reads `[--seconds N] [TARGET]`, in any order.
fn parse<'a>(args: &[&'a str]) -> Result<(u64, Vec<&'a str>), String> {
    let (mut seconds, mut targets) = (SECONDS, Vec::new());
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let number = args.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
            seconds = number.ok_or("--seconds takes a number from 1")?;
        } else if TARGETS.contains(&arg) {
            targets.push(arg);
        } else {
            return Err(format!("no such target: {arg}; there are {}", TARGETS.join(", ")));
        }
    }
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    Ok((seconds, targets))
}

fn ensure_cargo_fuzz() -> Result<(), String> {
    if succeeds(&mut cargo(&["fuzz", "--version"])) {
        return Ok(());
    }
    eprintln!("Installing what is missing with cargo: cargo-fuzz.");
    run(&mut cargo(&["install", "--locked", "cargo-fuzz"]))
}

/// Builds the target, then runs it on what it learnt before, on its seeds, and on what it makes of them.
fn fuzz(target: &str, seconds: u64) -> Result<Report, String> {
    run(&mut nightly::cargo(&["fuzz", "build", target]))?;
    let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
    fs::create_dir_all(root().join(&corpus)).map_err(|error| format!("cannot create {corpus}: {error}"))?;
    let time = format!("-max_total_time={seconds}");
    let flags = ["--", &time, LONGEST_INPUT, "-len_control=0", LONGEST_RUN, "-print_final_stats=1"];
    listen(nightly::cargo(&[&["fuzz", "run", target, &corpus, &seeds], flags.as_slice()].concat()))
}

/// The fuzzer tells all that it has to tell on stderr.
fn listen(mut command: Command) -> Result<Report, String> {
    announce(&command);
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| cannot_start(&command, &error))?;
    let mut report = Report::default();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line.map_err(|error| format!("lost the output of the fuzzer: {error}"))?;
            report.add_line(&String::from_utf8_lossy(&line));
        }
    }
    let status = child.wait().map_err(|error| cannot_start(&command, &error))?;
    Ok(report.ended(status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_in_any_order() {
        assert_eq!(parse(&[]), Ok((SECONDS, TARGETS.to_vec())));
        assert_eq!(parse(&["--seconds", "5", "options"]), Ok((5, vec!["options"])));
        assert_eq!(parse(&["options", "--seconds", "5"]), Ok((5, vec!["options"])));
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "x"], &["other"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_target_is_run() {
        let files = fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap();
        let mut names: Vec<_> =
            files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned()).collect();
        names.sort_unstable();
        assert_eq!(names, TARGETS);
    }
}
