//! [`Plan`]: any numbers that a machine can be made of, and [`Numbers`]: its source of values.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use redsync_core::{
    Delay, Moment, Ttl, Value,
    machine::{
        AcquirePlan, Drift, ExtendPlan, Former, NodeSet, Quorum, ReleasePlan, Resend, Source, TransferPlan,
        ValueError,
    },
    wire::Counting,
};

use super::START;
use crate::input::Span;

const MOST_TRIES: u32 = 12;
const USUAL_TTL: Duration = Duration::from_secs(8);
const USUAL_TIMEOUT: Duration = Duration::from_millis(400);

/// What the plans of all machines are made of.
pub(super) struct Plan {
    pub(super) quorum: Quorum,
    pub(super) ttl: Ttl,
    pub(super) tries: u32,
    pub(super) exact: bool,
    drift: Drift,
    node_timeout: Duration,
    delay: Delay,
    deadline: Option<Moment>,
    valid_until: Option<Moment>,
    /// Where the source says that a value is in doubt, and which nodes the other plans leave out.
    nodes: NodeSet,
    may_repeat: NodeSet,
    pub(super) refilled: NodeSet,
    lasting: NodeSet,
    lasts_until: Moment,
    values: Values,
    flags: Flags,
}

#[derive(Arbitrary, Clone, Copy)]
struct Flags {
    wait_for_all: bool,
    shuffle: bool,
    revive: bool,
    is_fresh: bool,
    fenced: bool,
    adopted: bool,
    fills: bool,
}

/// How the source's values follow each other.
#[derive(Arbitrary, Clone, Copy)]
enum Values {
    Fresh,
    Repeating(u8),
    Ending(u8),
}

impl<'a> Arbitrary<'a> for Plan {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let plan = Self::of_any_numbers(input)?;
        Ok(if input.arbitrary()? { plan } else { plan.with_usual_times()? })
    }
}

impl Plan {
    fn of_any_numbers(input: &mut Unstructured<'_>) -> Result<Self> {
        let values = input.arbitrary()?;
        let mut flags: Flags = input.arbitrary()?;
        // To say that a source never repeats itself is a promise of who makes the plan.
        flags.is_fresh &= matches!(values, Values::Fresh);
        Ok(Self {
            quorum: quorum(input)?,
            ttl: ttl(input)?,
            tries: input.int_in_range(1..=MOST_TRIES)?,
            exact: input.arbitrary()?,
            drift: drift(input)?,
            node_timeout: span(input)?,
            delay: delay(input)?,
            deadline: moment(input)?,
            valid_until: moment(input)?,
            nodes: node_set(input)?,
            may_repeat: node_set(input)?,
            refilled: node_set(input)?,
            lasting: node_set(input)?,
            lasts_until: moment(input)?.unwrap_or_default(),
            values,
            flags,
        })
    }

    /// The same with times by which a call can succeed.
    fn with_usual_times(self) -> Result<Self> {
        let ttl = Ttl::new(USUAL_TTL).ok_or(arbitrary::Error::IncorrectFormat)?;
        let (node_timeout, nodes) = (USUAL_TIMEOUT, NodeSet::EMPTY);
        let (deadline, valid_until) = (None, Some(START.plus(USUAL_TTL)));
        let refilled = NodeSet::EMPTY;
        Ok(Self { ttl, node_timeout, nodes, deadline, valid_until, refilled, drift: Drift::DEFAULT, ..self })
    }
}

fn quorum(input: &mut Unstructured<'_>) -> Result<Quorum> {
    let most = if input.ratio(1, 16)? { NodeSet::CAPACITY } else { 7 };
    let nodes = input.int_in_range(1..=most)?;
    let needed = input.int_in_range(nodes / 2 + 1..=nodes)?;
    Quorum::new(nodes, needed).ok_or(arbitrary::Error::IncorrectFormat)
}

fn ttl(input: &mut Unstructured<'_>) -> Result<Ttl> {
    let ttl = Ttl::new(span(input)?).or(Ttl::new(USUAL_TTL));
    ttl.ok_or(arbitrary::Error::IncorrectFormat)
}

fn drift(input: &mut Unstructured<'_>) -> Result<Drift> {
    let factor = f64::from(u16::arbitrary(input)?) / f64::from(u16::MAX);
    Ok(Drift::new(factor).unwrap_or(Drift::DEFAULT))
}

fn delay(input: &mut Unstructured<'_>) -> Result<Delay> {
    Ok(match input.int_in_range(0..=3_u8)? {
        0 => Delay::Constant(span(input)?),
        1 => Delay::Between(span(input)?, span(input)?),
        2 => Delay::Backoff { first: span(input)?, limit: span(input)? },
        _ => Delay::DEFAULT,
    })
}

fn moment(input: &mut Unstructured<'_>) -> Result<Option<Moment>> {
    let from_start = Option::<Span>::arbitrary(input)?;
    Ok(from_start.map(|span| START.minus(Duration::from_secs(1)).plus(span.0)))
}

fn span(input: &mut Unstructured<'_>) -> Result<Duration> {
    Span::arbitrary(input).map(|span| span.0)
}

fn node_set(input: &mut Unstructured<'_>) -> Result<NodeSet> {
    let bits = if input.arbitrary()? { u64::arbitrary(input)? } else { 0 };
    Ok((0..NodeSet::CAPACITY).filter(|node| bits >> node & 1 == 1).collect())
}

impl Plan {
    pub(super) fn acquire(&self) -> AcquirePlan {
        AcquirePlan {
            proposal: self.proposal(),
            quorum: self.quorum,
            ttl: self.ttl,
            drift: self.drift,
            node_timeout: self.node_timeout,
            tries: self.tries,
            delay: self.delay.clone(),
            deadline: self.deadline,
            wait_for_all: self.flags.wait_for_all,
            exact: self.exact.then(value),
            source_is_fresh: self.flags.is_fresh,
            may_repeat: self.may_repeat,
            shuffle: self.flags.shuffle,
        }
    }

    pub(super) fn extend(&self) -> ExtendPlan {
        ExtendPlan {
            former: self.former(),
            fence: self.proposal(),
            wait_for_all: self.flags.wait_for_all,
            quorum: self.quorum,
            value: value(),
            exact: self.exact,
            asked: self.asked(),
            ttl: self.ttl,
            revive: self.flags.revive && !self.fills(),
            fills: self.fills(),
            refilled: self.refilled,
            may_repeat: self.may_repeat,
            drift: self.drift,
            node_timeout: self.node_timeout,
            tries: self.tries,
            delay: self.delay.clone(),
            deadline: self.deadline,
            valid_until: self.valid_until,
        }
    }

    pub(super) fn release(&self) -> ReleasePlan {
        let former = |value| Former { value, until: self.lasts_until, lasting: self.lasting };
        ReleasePlan {
            former: self.former().map(former),
            quorum: self.quorum,
            value: value(),
            exact: self.exact,
            resend: self.resend(),
            asked: self.asked(),
            may_be_deleted: self.may_repeat,
            ttl: self.ttl,
            refilled: self.refilled,
            lasting: self.lasting,
            lasts_until: self.lasts_until,
            node_timeout: self.node_timeout,
            tries: self.tries,
            delay: self.delay.clone(),
            deadline: self.deadline,
        }
    }

    /// A new value for each try, or the token's.
    pub(super) fn transfer(&self) -> TransferPlan {
        TransferPlan {
            quorum: self.quorum,
            from: value(),
            exact: self.exact,
            resend: self.resend(),
            asked: self.asked(),
            refilled: self.refilled,
            to: self.former(),
            ttl: self.ttl,
            full: self.ttl,
            counting: self.proposal().map_or(Counting::Off, Counting::Draw),
            drift: self.drift,
            node_timeout: self.node_timeout,
            tries: self.tries,
            delay: self.delay.clone(),
            deadline: self.deadline,
        }
    }

    /// Fixed values are not taken with fencing numbers here: who looks whether his own stands there draws none.
    pub(super) fn proposal(&self) -> Option<u64> {
        (self.flags.fenced && !self.exact).then_some(2)
    }

    /// Whether what is missing is filled, as in a hand-over, for which nothing is set anew by the first question.
    pub(super) fn fills(&self) -> bool {
        self.flags.fills && !self.exact
    }

    fn former(&self) -> Option<Value> {
        self.flags.adopted.then(|| Value::new("former"))
    }

    fn asked(&self) -> NodeSet {
        NodeSet::first(self.quorum.nodes()).without(self.nodes)
    }

    fn resend(&self) -> Resend {
        match self.valid_until {
            _ if !self.exact => Resend::FRESH,
            Some(end) => Resend::once_until(end),
            None => Resend::ONCE,
        }
    }
}

fn value() -> Value {
    Value::new("value")
}

/// Counts instead of drawing.
pub(super) struct Numbers {
    values: Values,
    in_doubt: NodeSet,
    drawn: u64,
    random: u64,
}

impl Numbers {
    pub(super) fn of(plan: &Plan) -> Self {
        Self { values: plan.values, in_doubt: plan.nodes, drawn: 0, random: 0 }
    }
}

impl Source for Numbers {
    fn value(&mut self) -> std::result::Result<Value, ValueError> {
        self.drawn += 1;
        match self.values {
            Values::Ending(count) if self.drawn > count.into() => {
                Err(ValueError::from(Box::<dyn std::error::Error + Send + Sync>::from("no more values")))
            }
            Values::Repeating(period) => Ok(Value::new(format!("{}", self.drawn % (u64::from(period) + 1)))),
            Values::Fresh | Values::Ending(_) => Ok(Value::new(format!("{}", self.drawn))),
        }
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random
    }

    fn in_doubt(&self, _value: &Value) -> NodeSet {
        self.in_doubt
    }
}
