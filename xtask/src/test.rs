//! Runs every test and tells how many passed and failed.
//!
//! Plain `cargo test` is used, doctests included: a newcomer's machine has it.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::command::{announce, cannot_start, cargo, words};
use crate::setup;
use crate::tally::Tally;

/// Lists the builds that are tested.
///
/// Features add up over a workspace, so the driver is built by itself as well, as its users build it.
const BUILDS: [&[&str]; 3] = [
    &["--workspace", "--all-features"],
    &["--package", "redsync-redis-rs"],
    &["--package", "redsync-redis-rs", "--no-default-features", "--features", "smol"],
];

/// Runs every test; the last line of the output is `N passed, N failed`.
pub(crate) fn run() -> Result<(), String> {
    setup::ensure_openssl()?;
    setup::ensure_server()?;
    setup::ensure_amqp()?;
    setup::ensure_nats()?;
    let mut total = Tally::default();
    for build in BUILDS {
        total.add(run_build(&[&["test", "--no-fail-fast"], build].concat())?);
    }
    if total.ignored > 0 {
        eprintln!("{} tests were ignored; a test that did not run counts as failed", total.ignored);
    }
    println!("{}", total.with_ignored_as_failed());
    if total.is_green() { Ok(()) } else { Err(String::new()) }
}

/// Runs one build with its tests, and counts them.
fn run_build(args: &[&str]) -> Result<Tally, String> {
    run_command(cargo(args))
}

/// Runs a command that runs tests, and counts them.
pub(crate) fn run_command(mut command: Command) -> Result<Tally, String> {
    announce(&command);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_start(&command, &error))?;
    let tally = pass_on(&mut child).map_err(|error| format!("lost the output of the tests: {error}"))?;
    let status = child.wait().map_err(|error| cannot_start(&command, &error))?;
    Ok(if status.success() { tally } else { tally_of_failed(&command, tally) })
}

/// Copies the output line by line, as it comes, and counts.
fn pass_on(child: &mut Child) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let Some(output) = child.stdout.take() else { return Ok(tally) };
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        io::stdout().write_all(&line)?;
        tally.add_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(tally)
}

/// Counts one failure when no test took the blame: a build that failed, or a program that crashed.
fn tally_of_failed(command: &Command, mut tally: Tally) -> Tally {
    if tally.failed == 0 {
        eprintln!("`{}` failed outside of its tests, which counts as one failure", words(command));
        tally.failed = 1;
    }
    tally
}
