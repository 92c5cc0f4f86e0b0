//! Simulates worlds from their seeds: `cargo run --release -p redsync-testkit --example sim -- --seeds 1000`.
//!
//! `--from S` starts at another seed than 0, `--minutes M` stops after that time, `--broken data|clocks|slow-twins`
//! takes an assumption away, `--stop` ends at the first violation, and `--replay S` shows one world. The first violation
//! comes with its last events; all of them are in `target/sim`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and CI to read")]

mod coverage;
mod found;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use coverage::Coverage;
use found::Found;
use mimalloc::MiMalloc;
use redsync_testkit::simulation::{Broken, Counts, Run, Settings, simulate};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// In how many worlds it is counted what the machines meet, which takes time.
const OBSERVED: u64 = 200;

/// How many violations are shown, the others being counted.
const SHOWN: usize = 3;

/// Where the events of the first violation are left, under the directory that the program runs in.
const LOGS: &str = "target/sim";

struct Args {
    seeds: u64,
    from: u64,
    time: Option<Duration>,
    broken: Option<Broken>,
    stop: bool,
    replay: Option<u64>,
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            eprintln!("sim: {why}");
            return ExitCode::from(2);
        }
    };
    match args.replay {
        Some(seed) => replay(seed, &args),
        None => run(&args),
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args { seeds: 1000, from: 0, time: None, broken: None, stop: false, replay: None };
    while let Some(word) = words.next() {
        if word == "--stop" {
            args.stop = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} without a value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
        match word.as_str() {
            "--seeds" => args.seeds = number()?,
            "--from" => args.from = number()?,
            "--minutes" => args.time = Some(Duration::from_secs(60 * number()?)),
            "--replay" => args.replay = Some(number()?),
            "--broken" => args.broken = Some(broken(&value)?),
            _ => return Err(format!("what is {word}?")),
        }
    }
    Ok(args)
}

fn broken(word: &str) -> Result<Broken, String> {
    match word {
        "data" => Ok(Broken::Data),
        "clocks" => Ok(Broken::Clocks),
        "slow-twins" => Ok(Broken::SlowTwins),
        _ => Err(format!("--broken {word}: data, clocks or slow-twins")),
    }
}

fn settings(args: &Args) -> Settings {
    Settings { broken: args.broken, ..Settings::default() }
}

fn replay(seed: u64, args: &Args) -> ExitCode {
    let Run { counts, violation } = simulate(seed, &settings(args));
    let Some(violation) = violation else {
        println!("{counts}\nseed {seed}: nothing is violated");
        return ExitCode::SUCCESS;
    };
    violation.log.iter().for_each(|line| println!("{line}"));
    println!("seed {seed} violates {}: {}", violation.invariant, violation.how);
    ExitCode::FAILURE
}

fn run(args: &Args) -> ExitCode {
    let started = Instant::now();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let coverage = Coverage::default();
    let work = || worker(args, started, &next, &stop, &coverage);
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut counts = Counts::default();
    let mut violations = Vec::new();
    for (part, found) in results {
        counts.merge(&part);
        violations.extend(found);
    }
    violations.sort_unstable_by_key(|found| found.seed);
    println!("{coverage}");
    report(args, &counts, started.elapsed());
    if let Err(error) = show(args, &violations) {
        eprintln!("sim: {error}");
    }
    for (invariant, times) in by_invariant(&violations) {
        println!("{invariant}: violated in {times} worlds");
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(args: &Args, violations: &[Found]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if let Some(first) = violations.first() {
        first.tell_events(&mut out, Path::new(LOGS))?;
    }
    violations.iter().take(SHOWN).try_for_each(|found| found.tell(&mut out, also(args)))
}

fn by_invariant(violations: &[Found]) -> BTreeMap<&'static str, u64> {
    let mut times = BTreeMap::new();
    for found in violations {
        *times.entry(found.violation.invariant).or_default() += 1;
    }
    times
}

fn also(args: &Args) -> &'static str {
    match args.broken {
        Some(Broken::Data) => " --broken data",
        Some(Broken::Clocks) => " --broken clocks",
        Some(Broken::SlowTwins) => " --broken slow-twins",
        None => "",
    }
}

fn worker(
    args: &Args,
    started: Instant,
    next: &AtomicU64,
    stop: &AtomicBool,
    coverage: &Coverage,
) -> (Counts, Vec<Found>) {
    let (mut counts, mut violations) = (Counts::default(), Vec::new());
    let settings = settings(args);
    while !stop.load(Ordering::Relaxed) && args.time.is_none_or(|time| started.elapsed() < time) {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= args.seeds {
            break;
        }
        let seed = args.from.wrapping_add(index);
        let run = if index < OBSERVED {
            tracing::subscriber::with_default(coverage.clone(), || simulate(seed, &settings))
        } else {
            simulate(seed, &settings)
        };
        counts.merge(&run.counts);
        if let Some(mut violation) = run.violation {
            stop.fetch_or(args.stop, Ordering::Relaxed);
            // The first of all is the first of some worker, and logs are long.
            if !violations.is_empty() {
                violation.log = Vec::new();
            }
            violations.push(Found { seed, violation });
        }
    }
    (counts, violations)
}

fn report(args: &Args, counts: &Counts, took: Duration) {
    println!("{counts}");
    let seeds = counts.seeds.max(1);
    #[expect(clippy::cast_precision_loss, reason = "a rate to read")]
    let rate = counts.seeds as f64 / took.as_secs_f64();
    println!(
        "from seed {}: {:.1?}, {rate:.0} seeds/s, {} calls and {} faults a seed, {} violations",
        args.from,
        took,
        counts.all_calls() / seeds,
        counts.all_faults() / seeds,
        counts.violations
    );
}
