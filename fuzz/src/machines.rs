//! The target `machines`: any plan and any sequence of events, in which time stands, passes or jumps.

mod observed;
mod plans;
mod proof;

use std::{iter, time::Duration};

use arbitrary::{Arbitrary, Result, Unstructured};
use redsync_core::{
    Moment, NodeError,
    machine::{Acquire, Extend, Machine, Release, Transfer},
    wire::{Grant, Outcome, Refusal},
};

use self::{
    observed::Observed,
    plans::{Numbers, Plan},
    proof::Claim,
};
use crate::input::Span;

/// Not at the origin, so that arithmetic which saturates there by mistake is found.
const START: Moment = Moment::from_origin(Duration::from_secs(1000));

/// One thing that happens to a machine.
enum Happening {
    /// The outstanding request that this number picks is answered.
    Reply(u8, Said),
    /// A request that was answered before is answered once more.
    Again(u8, Said),
    Tick,
    /// The moment comes that the machine waits for.
    Due,
    Cancel,
    HandedBack,
    Pass(Span),
}

impl<'a> Arbitrary<'a> for Happening {
    /// Mostly replies, and mostly in favour, so that machines get somewhere.
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match input.int_in_range(0..=15_u8)? {
            0..=2 => Self::Reply(input.arbitrary()?, Said::Granted),
            3..=4 => Self::Reply(input.arbitrary()?, Said::Counted(input.int_in_range(0..=2)?, None)),
            5..=8 => Self::Reply(input.arbitrary()?, input.arbitrary()?),
            9 => Self::Again(input.arbitrary()?, input.arbitrary()?),
            10 => Self::Tick,
            11..=13 => Self::Due,
            14 => Self::Pass(input.arbitrary()?),
            _ if input.ratio(1, 8)? => Self::HandedBack,
            _ if input.ratio(1, 4)? => Self::Cancel,
            _ => Self::Pass(Span(Duration::from_millis(u64::from(u8::arbitrary(input)?)))),
        })
    }
}

/// What a node may say.
#[derive(Arbitrary, Clone, Copy)]
enum Said {
    Granted,
    /// Together with where the counter stands, and what was left of the old value's TTL.
    Counted(u8, Option<Span>),
    Revived,
    Taken,
    SameValue,
    OtherValue,
    Adopted,
    Missing,
    Failed,
    Unknown,
}

#[derive(Arbitrary, Clone, Copy)]
enum Which {
    Acquire,
    Extend,
    Release,
    Transfer,
}

/// Makes a machine of a plan and lets things happen to it until it has come to rest.
///
/// # Panics
///
/// When it breaks what every machine promises, or claims more than the nodes said.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    if let (Ok(which), Ok(plan)) = (input.arbitrary(), Plan::arbitrary(&mut input)) {
        let happenings = iter::from_fn(|| if input.is_empty() { None } else { input.arbitrary().ok() });
        play(which, &plan, happenings);
    }
}

fn play(which: Which, plan: &Plan, happenings: impl Iterator<Item = Happening>) {
    let source = Box::new(Numbers::of(plan));
    match which {
        Which::Acquire => observe(Acquire::new(plan.acquire(), source, START), plan, happenings),
        Which::Extend => observe(Extend::new(plan.extend(), source, START), plan, happenings),
        Which::Release => observe(Release::new(plan.release(), source, START), plan, happenings),
        Which::Transfer => observe(Transfer::new(plan.transfer(), source, START), plan, happenings),
    }
}

fn observe<M>(machine: M, plan: &Plan, happenings: impl Iterator<Item = Happening>)
where
    M: Machine,
    M::Output: Claim,
{
    let mut observed = Observed::new(machine, plan);
    happenings.for_each(|happening| observed.happen(happening));
    observed.run_out();
}

impl Said {
    fn outcome(self) -> Outcome {
        match self {
            Self::Granted => Outcome::GRANTED,
            Self::Counted(fence, left) => {
                Outcome::Granted(Grant { fence: Some(u64::from(fence) + 1), left: left.map(|left| left.0) })
            }
            Self::Revived => Outcome::Revived,
            Self::Taken => Outcome::Refused(Refusal::Taken),
            Self::SameValue => Outcome::Refused(Refusal::SameValue),
            Self::OtherValue => Outcome::Refused(Refusal::OtherValue),
            Self::Adopted => Outcome::Refused(Refusal::Adopted),
            Self::Missing => Outcome::Refused(Refusal::Missing),
            Self::Failed => Outcome::Failed(NodeError::not_sent("down")),
            Self::Unknown => Outcome::Unknown(NodeError::unknown("lost")),
        }
    }
}
