//! What the program is asked to do.

use std::{path::PathBuf, time::Duration};

use lexopt::prelude::*;
use redsync_tests::Driver;

use crate::{Failure, terms};

pub(crate) const USAGE: &str = "\
usage: cargo xtask chaos [--minutes M] [--driver redis-rs|fred] [--seed S] [--logs DIR] [--broken HOW] [--same-value]

  --minutes M   how long things go wrong for each driver: 2 by default
  --driver D    only this one
  --seed S      draws the same faults again, though not at the same moments of the contenders
  --logs DIR    where logs are kept: target/chaos by default
  --broken HOW  breaks an assumption, which has to be found out:
                own-nodes  contenders do not use the same nodes
                wipe       a majority of the servers loses its data
  --same-value  all users of a lock with a fixed value use the same one, which the docs advise against; no request is
                held up for as long as a TTL then, since that case is open";

/// Is what the program is asked to do.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) drivers: Vec<Driver>,
    pub(crate) time: Duration,
    pub(crate) seed: u64,
    pub(crate) logs: PathBuf,
    pub(crate) broken: Option<Broken>,
    pub(crate) same_value: bool,
}

/// Names an assumption that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    OwnNodes,
    Wipe,
}

impl Args {
    /// Reads the command line; nothing when help is wanted.
    pub(crate) fn parse() -> Result<Option<Self>, Failure> {
        let mut args = Self {
            drivers: Driver::ALL.to_vec(),
            time: Duration::from_secs(120),
            seed: rand::random_range(0..1_000_000),
            logs: PathBuf::from("target/chaos"),
            broken: None,
            same_value: false,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("minutes") => args.time = minutes(parser.value()?.parse()?)?,
                Long("driver") => args.drivers = vec![parser.value()?.parse_with(terms::driver)?],
                Long("seed") => args.seed = parser.value()?.parse()?,
                Long("logs") => args.logs = parser.value()?.into(),
                Long("broken") => args.broken = Some(parser.value()?.parse_with(broken)?),
                Long("same-value") => args.same_value = true,
                Long("help") | Short('h') => return Ok(None),
                Long(_) | Short(_) | Value(_) => {
                    return Err(format!("{}\n\n{USAGE}", arg.unexpected()).into());
                }
            }
        }
        Ok(Some(args))
    }
}

fn minutes(minutes: f64) -> Result<Duration, Failure> {
    Ok(Duration::try_from_secs_f64(minutes * 60.0)?)
}

fn broken(text: &str) -> Result<Broken, String> {
    match text {
        "own-nodes" => Ok(Broken::OwnNodes),
        "wipe" => Ok(Broken::Wipe),
        _ => Err(format!("not a way to break it: {text}; there are own-nodes and wipe")),
    }
}
