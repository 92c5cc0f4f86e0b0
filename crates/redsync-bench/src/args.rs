//! What is asked for on the command line.

use std::{path::PathBuf, time::Duration};

use lexopt::{Arg, Parser, ValueExt};

use crate::workload::Workload;

/// What to measure, how long, and where to write.
pub(crate) struct Args {
    /// How often each of those that are compared has its turn: five or more.
    pub(crate) rounds: usize,
    /// How long a turn lasts; some workloads take a multiple of it.
    pub(crate) turn: Duration,
    /// How often is done beforehand what is measured.
    pub(crate) warm_up: usize,
    /// How often is done what is counted.
    pub(crate) counted: usize,
    /// How long the many locks are held.
    pub(crate) hold: Duration,
    /// How many locks are held.
    pub(crate) held: usize,
    /// Over how many times taking and releasing a lock memory may not grow.
    pub(crate) cycles: usize,
    /// The workloads.
    pub(crate) only: Vec<&'static Workload>,
    /// Whether to say what is within its bounds, and fail where something is not.
    pub(crate) check: bool,
    /// The directory for what is written.
    pub(crate) out: PathBuf,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            rounds: LEAST_ROUNDS,
            turn: Duration::from_millis(500),
            warm_up: 50,
            counted: 2000,
            hold: Duration::from_secs(60),
            held: 1000,
            cycles: 1_000_000,
            only: Workload::ALL.iter().collect(),
            check: false,
            out: PathBuf::from("target/bench"),
        }
    }
}

/// A median of fewer says little.
const LEAST_ROUNDS: usize = 5;

impl Args {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let (mut args, mut quick) = (Self::default(), false);
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("rounds") => args.rounds = parser.value()?.parse()?,
                Arg::Long("millis") => args.turn = Duration::from_millis(parser.value()?.parse()?),
                Arg::Long("hold") => args.hold = Duration::from_secs(parser.value()?.parse()?),
                Arg::Long("cycles") => args.cycles = parser.value()?.parse()?,
                Arg::Long("only") => args.only = parser.value()?.parse_with(workloads)?,
                Arg::Long("out") => args.out = parser.value()?.into(),
                Arg::Long("quick") => quick = true,
                Arg::Long("check") => args.check = true,
                Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(arg.unexpected()),
            }
        }
        if quick && args.check {
            return Err("--quick is over too soon to be held to bounds".into());
        }
        if args.rounds < LEAST_ROUNDS || args.turn.is_zero() || args.cycles == 0 {
            return Err("there are five rounds at least, of one millisecond and one cycle at least".into());
        }
        Ok(if quick { args.quick() } else { args })
    }

    /// The same with as little of everything as shows that it works.
    fn quick(self) -> Self {
        Self {
            rounds: 1,
            turn: Duration::from_millis(20),
            warm_up: 2,
            counted: 20,
            hold: Duration::from_secs(1),
            held: 20,
            cycles: 200,
            ..self
        }
    }
}

/// Workloads by their letters, such as `a,c`.
fn workloads(letters: &str) -> Result<Vec<&'static Workload>, String> {
    let named = |letter: &str| {
        let found = Workload::ALL.iter().find(|workload| workload.letter == letter);
        found.ok_or_else(|| format!("there is no workload {letter:?}"))
    };
    letters.split(',').map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, lexopt::Error> {
        Args::parse(Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn workloads_are_picked_by_their_letters() {
        let letters = |args: Args| args.only.iter().map(|workload| workload.letter).collect::<String>();
        assert_eq!(parse("--only b,a").map(letters).unwrap(), "ba");
        assert!(parse("--only a,z").is_err());
        assert_eq!(parse("").unwrap().only.len(), Workload::ALL.len());
    }

    #[test]
    fn what_is_quick_is_held_to_no_bounds() {
        assert!(parse("--quick --check").is_err());
        assert!(parse("--check").unwrap().check);
    }

    #[test]
    fn a_median_is_of_five_rounds_at_least() {
        assert!(parse("--rounds 4").is_err());
        assert_eq!(parse("--rounds 7 --millis 9").unwrap().turn, Duration::from_millis(9));
    }
}
