//! What the program is asked to do.

use std::time::Duration;

use lexopt::prelude::*;
use redsync_queues::{Broker, Failure, Load};

pub(crate) const USAGE: &str = "\
usage: cargo xtask queues [--jobs N] [--names N] [--workers N] [--minutes M] [--broker B]

  --jobs N     how many jobs go through each broker, once with kills and restarts and once without: 10,000 by default
  --names N    how many names they have: 100 by default
  --workers N  how many workers there are at once: 8 by default
  --minutes M  how long a run may take, after which it has failed: 30 by default
  --broker B   only this one: streams, nats or rabbitmq";

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) brokers: Vec<Broker>,
    pub(crate) load: Load,
}

impl Args {
    /// Reads the command line; nothing when help is wanted.
    pub(crate) fn parse() -> Result<Option<Self>, Failure> {
        let within = Duration::from_secs(30 * 60);
        let mut load = Load { jobs: 10_000, names: 100, workers: 8, is_rough: true, within };
        let mut brokers = Broker::ALL.to_vec();
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("jobs") => load.jobs = parser.value()?.parse()?,
                Long("names") => load.names = parser.value()?.parse()?,
                Long("workers") => load.workers = parser.value()?.parse()?,
                Long("minutes") => {
                    load.within = Duration::try_from_secs_f64(parser.value()?.parse::<f64>()? * 60.0)?;
                }
                Long("broker") => brokers = vec![parser.value()?.parse()?],
                Long("help") | Short('h') => return Ok(None),
                Long(_) | Short(_) | Value(_) => {
                    return Err(format!("{}\n\n{USAGE}", arg.unexpected()).into());
                }
            }
        }
        Ok(Some(Self { brokers, load }))
    }
}
