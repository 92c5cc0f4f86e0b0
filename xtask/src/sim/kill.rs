//! Puts each mutant into a copy of the core, and lets the simulation and the explorer find it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::death::Death;
use super::mutants::{Edit, MUTANTS, Mutant};
use crate::command::{cannot_start, cargo, root, run};
use crate::excerpt;
use crate::files::{read, write};

const PLACE: &str = "target/mutants";
const REPORT: &str = "target/mutants.md";
/// What of the repository simulation and explorer are built from.
const PACKAGES: [&str; 4] =
    ["crates/redsync-core", "crates/redsync-runtime", "crates/redsync-testkit", "explorer"];
/// Where each run starts. A mutant has to be killed in every one, so that none is by chance alone.
const FROM: [u64; 3] = [0, 1_000_000, 2_000_000];
/// Mutants that survive so many worlds are taken to be alive.
const SEEDS: &str = "60000";
const MINUTES: &str = "5";
/// How many worlds of each range the core as it is has to survive. Most mutants do not live as long.
const SOUND: &str = "3000";

/// What became of a mutant.
struct Fate {
    /// In simulated worlds, one for each range of seeds; empty where it has no effect there.
    in_worlds: Vec<Death>,
    /// In the search that it is for, if there is one.
    in_search: Option<Death>,
}

impl Fate {
    fn is_dead(&self) -> bool {
        let deaths: Vec<_> = self.in_worlds.iter().chain(&self.in_search).collect();
        !deaths.is_empty() && deaths.iter().all(|death| death.invariant.is_some())
    }
}

/// Kills all mutants whose name has `filter` in it, prints what found them, and fails when one survives.
pub(super) fn all(filter: &str) -> Result<(), String> {
    prepare()?;
    build("the core as it is", true, true)?;
    is_sound()?;
    let mut report =
        format!("| mutant | seen in | found by | worlds | search | states |\n|{}\n", " --- |".repeat(6));
    let mut alive = Vec::new();
    let chosen: Vec<_> = MUTANTS.iter().filter(|mutant| mutant.name.contains(filter)).collect();
    for mutant in &chosen {
        let fate = kill(mutant)?;
        if !fate.is_dead() {
            alive.push(mutant.name);
        }
        let line = line(mutant, &fate);
        println!("{line}");
        let _ = writeln!(report, "{line}");
    }
    let dead = chosen.len() - alive.len();
    let _ = writeln!(report, "\n{dead} of {} mutants were found in every run", chosen.len());
    println!("\n{report}");
    write(&root().join(REPORT), &report)?;
    if alive.is_empty() { Ok(()) } else { Err(format!("not found: {}", alive.join(", "))) }
}

/// Where something is found in the core as it is, what is found in a mutant says nothing of the mutant.
fn is_sound() -> Result<(), String> {
    for from in FROM {
        let from = from.to_string();
        survives("examples/sim", &["--stop", "--seeds", SOUND, "--from", &from])?;
    }
    survives("redsync-explorer", &["--quick"])
}

fn survives(program: &str, args: &[&str]) -> Result<(), String> {
    match output(program, args)? {
        (_, true) => Ok(()),
        (text, false) => {
            let is_told = |line: &&str| line.contains(" violates ") || line.starts_with("violation: ");
            let why = text.lines().find(is_told).unwrap_or("and nobody knows why");
            Err(format!("the core as it is does not survive {program} {}: {why}", args.join(" ")))
        }
    }
}

fn kill(mutant: &Mutant) -> Result<Fate, String> {
    let changed = apply(mutant)?;
    // One that does not build proves nothing, and is named among the survivors.
    let fate = match build(mutant.name, mutant.is_in_worlds, !mutant.search.is_empty()) {
        Ok(()) => find(mutant),
        Err(_) => Ok(Fate { in_worlds: Vec::new(), in_search: None }),
    };
    for (path, text) in changed {
        write(&path, &text)?;
    }
    fate
}

fn find(mutant: &Mutant) -> Result<Fate, String> {
    let ranges = if mutant.is_in_worlds { &FROM[..] } else { &[] };
    let in_worlds = ranges.iter().map(|from| simulate(*from)).collect::<Result<_, _>>()?;
    let in_search = (!mutant.search.is_empty()).then(|| search(mutant.search)).transpose()?;
    Ok(Fate { in_worlds, in_search })
}

/// Edits the copy, and returns what was there before.
fn apply(mutant: &Mutant) -> Result<Vec<(PathBuf, String)>, String> {
    let mut before: Vec<(PathBuf, String)> = Vec::new();
    for Edit { file, find, replace } in mutant.edits {
        let path = root().join(PLACE).join(file);
        let text = read(&path)?;
        if !text.contains(find) {
            return Err(format!("{}: {file} has no {find:?}", mutant.name));
        }
        write(&path, &text.replacen(find, replace, 1))?;
        if before.iter().all(|(other, _)| *other != path) {
            before.push((path, text));
        }
    }
    Ok(before)
}

/// Builds the programs that it is to be found by.
fn build(what: &str, simulation: bool, explorer: bool) -> Result<(), String> {
    eprintln!("# {what}");
    let simulation: &[_] =
        if simulation { &["--package", "redsync-testkit", "--example", "sim"] } else { &[] };
    let explorer: &[_] = if explorer { &["--package", "redsync-explorer", "--bins"] } else { &[] };
    run(&mut cargo_in_place(&[&["build", "--quiet", "--release"], simulation, explorer].concat()))
}

fn simulate(from: u64) -> Result<Death, String> {
    let from = from.to_string();
    let args = ["--stop", "--seeds", SEEDS, "--minutes", MINUTES, "--from", &from];
    Ok(Death::in_worlds(&output("examples/sim", &args)?.0))
}

fn search(name: &str) -> Result<Death, String> {
    Ok(Death::in_search(&output("redsync-explorer", &["--search", name])?.0))
}

/// Runs a program of the copy; returns what it wrote, and whether it has found nothing.
fn output(program: &str, args: &[&str]) -> Result<(String, bool), String> {
    let program = root().join(PLACE).join("target/release").join(program);
    let mut command = Command::new(program);
    let output = command.args(args).output().map_err(|error| cannot_start(&command, &error))?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success()))
}

fn line(mutant: &Mutant, Fate { in_worlds, in_search }: &Fate) -> String {
    let mut by: Vec<_> = in_worlds
        .iter()
        .chain(in_search)
        .map(|death| death.invariant.as_deref().unwrap_or("NOBODY"))
        .collect();
    by.sort_unstable();
    by.dedup();
    if by.is_empty() {
        by.push("NOBODY: it does not build");
    }
    let worlds: Vec<_> = in_worlds.iter().map(|death| death.after.to_string()).collect();
    let states = in_search.as_ref().map_or_else(String::new, |death| death.after.to_string());
    let Mutant { name, seen_in, search, .. } = mutant;
    format!("| {name} | {seen_in} | {} | {} | {search} | {states} |", by.join(", "), worlds.join(", "))
}

/// Copies what is needed, anew each time but for what was built.
fn prepare() -> Result<(), String> {
    excerpt::make(&root().join(PLACE), &PACKAGES.map(str::to_owned), str::to_owned)
}

fn cargo_in_place(args: &[&str]) -> Command {
    let mut command = cargo(args);
    let place = root().join(PLACE);
    // A mutant's warnings are nobody's concern. Each is built once and dies soon, so that building is what takes time.
    command
        .env("CARGO_TARGET_DIR", place.join("target"))
        .env("RUSTFLAGS", "--cap-lints allow")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_INCREMENTAL", "1")
        .current_dir(place);
    command
}
