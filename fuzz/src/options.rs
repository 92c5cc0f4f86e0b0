//! The target `options`: any set of options is accepted exactly within the documented limits, and then works.

mod limits;
mod works;

use arbitrary::{Arbitrary, Result, Unstructured};
use redsync_core::{Delay, Mutex, Redsync};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};

use crate::input::Span;

/// A set of options as a user may put it together. `None` leaves the default.
#[derive(Arbitrary)]
struct Options {
    nodes: Count,
    quorum: Option<Count>,
    name: Text,
    ttl: Option<Span>,
    drift_factor: Option<Factor>,
    timeout: Option<Timeout>,
    tries: Option<Tries>,
    extend_tries: Option<Tries>,
    release_tries: Option<Tries>,
    delay: Option<Pause>,
    deadline: Option<Span>,
    value: Option<Text>,
    label: Option<Text>,
    flags: [bool; 3],
    is_taken: bool,
    auto_extend: bool,
    max_hold: Option<Span>,
    loss_margin: Option<Span>,
}

#[derive(Arbitrary)]
enum Timeout {
    Fixed(Span),
    /// As long as the validity, or next to it on the side that the number picks.
    AboutAll(i8),
    Factor(Factor),
}

#[derive(Arbitrary)]
enum Pause {
    Constant(Span),
    Between(Span, Span),
    Backoff(Span, Span),
}

/// A name or a value: now and then empty, mostly not.
#[derive(Arbitrary)]
enum Text {
    Short(u8),
    Any(String),
}

/// How many nodes: mostly a few, so that there is time for the rest.
struct Count(u8);

impl<'a> Arbitrary<'a> for Count {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(match input.int_in_range(0..=63_u8)? {
            0 => input.arbitrary()?,
            few => few % 6,
        }))
    }
}

/// A number of tries, now and then zero.
struct Tries(u32);

impl<'a> Arbitrary<'a> for Tries {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let few = input.int_in_range(0..=15)?;
        Ok(Self(if few == 15 { input.arbitrary()? } else { few }))
    }
}

/// A number where a part from 0 to 1 belongs.
struct Factor(f64);

impl<'a> Arbitrary<'a> for Factor {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        const ODD: [f64; 9] =
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0, f64::MIN_POSITIVE, 5e-324, -5e-324];
        Ok(Self(match input.int_in_range(0..=3_u8)? {
            0 => *input.choose(&ODD)?,
            1 => input.arbitrary()?,
            _ => f64::from(u16::arbitrary(input)?) / f64::from(u16::MAX),
        }))
    }
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Short(letter) => format!("a-{letter}"),
            Self::Any(text) => text.clone(),
        }
    }
}

/// Puts the options together, checks them, and takes a lock with them where they are accepted.
///
/// # Panics
///
/// When options are accepted beyond their limits or refused within them, and when an accepted set does not work.
pub fn run(data: &[u8]) {
    if let Ok(options) = Unstructured::new(data).arbitrary::<Options>() {
        let runtime = VirtualRuntime::new(options.nodes.0.into());
        let node = |_| MemoryNode::new(runtime.shared());
        let nodes: Vec<_> = (0..options.nodes.0).map(node).collect();
        if let Some(redsync) = build(&options, &runtime, &nodes) {
            check(&options, &redsync, &runtime, &nodes);
        }
        runtime.drop_tasks();
    }
}

fn build(options: &Options, runtime: &VirtualRuntime, nodes: &[MemoryNode]) -> Option<Redsync> {
    let builder = Redsync::builder(runtime.shared()).nodes(nodes.iter().cloned());
    let needed = options.quorum.as_ref().map(|needed| usize::from(needed.0));
    let built = match needed {
        Some(needed) => builder.quorum(needed).build(),
        None => builder.build(),
    };
    limits::check_nodes(nodes.len(), needed, built.as_ref().err());
    built.ok()
}

fn check(options: &Options, redsync: &Redsync, runtime: &VirtualRuntime, nodes: &[MemoryNode]) {
    let mutex = options.mutex(redsync);
    let refusal = mutex.check().err();
    limits::check(options, refusal.as_ref());
    match refusal {
        Some(refusal) => works::assert_calls_are_refused(&mutex, runtime, &refusal),
        None => works::check(options, mutex, runtime, nodes),
    }
}

impl Options {
    fn mutex(&self, redsync: &Redsync) -> Mutex {
        let [revive, wait_for_all, shuffle] = self.flags;
        let mutex = redsync.mutex(self.name.text());
        let mutex = mutex.revive_on_extend(revive).wait_for_all(wait_for_all).shuffle_nodes(shuffle);
        let mutex = mutex.auto_extend(self.auto_extend);
        let mutex = set(mutex, self.max_hold.as_ref(), |mutex, limit| mutex.max_hold(limit.0));
        let mutex = set(mutex, self.loss_margin.as_ref(), |mutex, margin| mutex.loss_margin(margin.0));
        let mutex = set(mutex, self.ttl.as_ref(), |mutex, ttl| mutex.ttl(ttl.0));
        let mutex = set(mutex, self.drift_factor.as_ref(), |mutex, factor| mutex.drift_factor(factor.0));
        let mutex = set(mutex, self.timeout.as_ref(), |mutex, timeout| match timeout {
            Timeout::Fixed(timeout) => mutex.node_timeout(timeout.0),
            Timeout::AboutAll(side) => mutex.node_timeout(self.about_all(*side)),
            Timeout::Factor(factor) => mutex.timeout_factor(factor.0),
        });
        let mutex = set(mutex, self.tries.as_ref(), |mutex, tries| mutex.tries(tries.0));
        let mutex = set(mutex, self.extend_tries.as_ref(), |mutex, tries| mutex.extend_tries(tries.0));
        let mutex = set(mutex, self.release_tries.as_ref(), |mutex, tries| mutex.release_tries(tries.0));
        let mutex = set(mutex, self.delay.as_ref(), |mutex, pause| mutex.retry_delay(pause.delay()));
        let mutex = set(mutex, self.deadline.as_ref(), |mutex, deadline| mutex.deadline(deadline.0));
        let mutex = set(mutex, self.value.as_ref(), |mutex, value| mutex.with_value(value.text()));
        set(mutex, self.label.as_ref(), |mutex, label| mutex.label(label.text()))
    }
}

fn set<T>(mutex: Mutex, option: Option<T>, setter: impl FnOnce(Mutex, T) -> Mutex) -> Mutex {
    match option {
        Some(option) => setter(mutex, option),
        None => mutex,
    }
}

impl Pause {
    fn delay(&self) -> Delay {
        match self {
            Self::Constant(delay) => Delay::Constant(delay.0),
            Self::Between(least, most) => Delay::Between(least.0, most.0),
            Self::Backoff(first, limit) => Delay::Backoff { first: first.0, limit: limit.0 },
        }
    }
}
