//! What is asked for on the command line.

use std::{path::PathBuf, time::Duration};

use lexopt::{Arg, Parser, ValueExt};

/// How long to measure, and where to write.
pub(crate) struct Args {
    /// How often each of those that are compared has its turn: five or more.
    pub(crate) rounds: usize,
    /// How long a turn lasts.
    pub(crate) turn: Duration,
    /// The directory for `bench.md` and `bench.json`.
    pub(crate) out: PathBuf,
}

impl Args {
    pub(crate) fn from_env() -> Result<Self, lexopt::Error> {
        let mut args =
            Self { rounds: 5, turn: Duration::from_millis(500), out: PathBuf::from("target/bench") };
        let mut parser = Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("rounds") => args.rounds = parser.value()?.parse()?,
                Arg::Long("millis") => args.turn = Duration::from_millis(parser.value()?.parse()?),
                Arg::Long("out") => args.out = parser.value()?.into(),
                Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(arg.unexpected()),
            }
        }
        if args.rounds < 5 || args.turn.is_zero() {
            return Err("there are five rounds at least, of one millisecond at least".into());
        }
        Ok(args)
    }
}
