//! One run of one driver: makes things go wrong for a while, mends them, and has the logs checked.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use redsync_tests::Driver;

use crate::{
    Failure,
    args::{Args, Broken},
    check, clock,
    crew::Crew,
    faults::Fault,
    history::History,
    report::Report,
    stage::Stage,
    terms::{self, Orders},
};

/// Is how many tasks each contender has.
const TASKS: u32 = 4;
/// Is so short that even several faults on the way of one request do not add up to a TTL.
const SHORT: Duration = Duration::from_millis(300);
/// Bounds the pause between two faults, in milliseconds.
const PAUSE: std::ops::Range<u64> = 30..400;

/// Is a run while things go wrong.
struct Conductor<'a> {
    stage: &'a Stage,
    crew: Crew,
    rng: StdRng,
    places: usize,
    broken: Option<Broken>,
    same_value: bool,
    /// Lists what is wrong now, and when it is to be healed.
    lasting: Vec<(Instant, Fault)>,
    counts: BTreeMap<&'static str, usize>,
    log: File,
}

/// Runs a driver for the time that is asked for, and reports.
pub(crate) fn run(args: &Args, driver: Driver) -> Result<Report, Failure> {
    let (driver, logs) = (terms::name(driver), fresh_dir(args, driver)?);
    eprintln!("{driver}: {:?} with seed {}, logs in {}", args.time, args.seed, logs.display());
    let stage = Stage::start()?;
    let (crew, faults) = Conductor::start(args, driver, &logs, &stage)?.perform(args.time)?;
    let lives = crew.end()?;
    let (empty_after, left) = stage.wait_until_empty()?;
    let checked = check::check(&History::read(&logs, lives)?, &logs, &left)?;
    fs::write(logs.join("violations"), checked.violations.join("\n"))?;
    let driver = driver.to_owned();
    Ok(Report { driver, seed: args.seed, time: args.time, faults, empty_after, checked, logs })
}

/// Empties the place for the logs of this run, which an earlier one with this seed may have left.
fn fresh_dir(args: &Args, driver: Driver) -> Result<PathBuf, Failure> {
    let broken = args.broken.map(|broken| format!("-{broken:?}")).unwrap_or_default();
    let dir = Path::new(&args.logs).join(format!("{}-{}{broken}", terms::name(driver), args.seed));
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

impl<'a> Conductor<'a> {
    /// Starts the contenders.
    fn start(args: &Args, driver: &str, logs: &Path, stage: &'a Stage) -> Result<Self, Failure> {
        let &Args { seed, same_value, broken, .. } = args;
        let urls = stage.urls(broken);
        let (driver, dir) = (driver.to_owned(), logs.to_owned());
        let orders = Orders { who: 0, seed, driver, urls: Vec::new(), dir, tasks: TASKS, same_value };
        Ok(Self {
            stage,
            places: urls.len(),
            crew: Crew::start(orders, urls)?,
            rng: StdRng::seed_from_u64(seed),
            broken,
            same_value,
            lasting: Vec::new(),
            counts: BTreeMap::new(),
            log: File::create(logs.join("faults"))?,
        })
    }

    /// Makes things go wrong until the time is over, and mends them all.
    fn perform(mut self, time: Duration) -> Result<(Crew, BTreeMap<&'static str, usize>), Failure> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(self.rng.random_range(PAUSE)));
            self.heal_due()?;
            self.crew.miss()?;
            self.break_assumption();
            self.strike()?;
        }
        while let Some(due) = self.lasting.iter().map(|(due, _)| *due).min() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.heal_due()?;
        }
        Ok((self.crew, self.counts))
    }

    fn strike(&mut self) -> Result<(), Failure> {
        let (fault, mut lasts) = Fault::draw(&mut self.rng, self.places);
        if self.same_value && fault.holds_requests_up() {
            lasts = lasts.min(SHORT);
        }
        let lasting: Vec<_> = self.lasting.iter().map(|(_, fault)| *fault).collect();
        if !fault.may_join(&lasting, &self.crew) {
            return Ok(());
        }
        writeln!(self.log, "{} {fault:?} for {lasts:?}", clock::now())?;
        fault.strike(self.stage, &mut self.crew)?;
        *self.counts.entry(fault.kind()).or_default() += 1;
        // Counted from when it has struck: a server that lost its data may not be back too early.
        self.lasting.push((Instant::now() + lasts, fault));
        Ok(())
    }

    fn heal_due(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let (due, lasting) = self.lasting.drain(..).partition::<Vec<_>, _>(|(due, _)| *due <= now);
        self.lasting = lasting;
        for (_, fault) in due {
            fault.heal(self.stage, &mut self.crew)?;
            writeln!(self.log, "{} {fault:?} is over", clock::now())?;
        }
        Ok(())
    }

    fn break_assumption(&mut self) {
        if self.broken == Some(Broken::Wipe) {
            self.stage.wipe();
            *self.counts.entry("majorities wiped").or_default() += 1;
        }
    }
}
