//! What holds for every machine with any valid plan, whatever it is told in whatever order, and however time goes.
//!
//! - No event makes a machine panic, and one event makes it send a bounded number of requests.
//! - It returns once, and comes to rest when replies come, or when they do not and time passes.
//! - What it waits for while its caller does is no later than the call's deadline; what it waits for
//!   afterwards is no later than a TTL after the last event that ended the call or gave the lock back. Between
//!   these bounds a wait may become shorter, for a request that is to be sent again.
//! - A tick at the moment that it waits for is not wasted: it sends, returns, rests, or waits for something later.
//! - All this holds at the end of time too, where sums saturate; when time goes backwards, all but the bounds.
#![allow(clippy::expect_used, clippy::panic, reason = "tests state what they expect")]

use std::time::Duration;

use proptest::prelude::*;
use redsync_core::{
    Delay, Moment, NodeError, Ttl, Value,
    machine::{
        Acquire, AcquirePlan, Action, Deletes, Drift, Event, Extend, ExtendPlan, Machine, NodeSet, Quorum,
        Release, ReleasePlan, RequestId, Resend, Source, Transfer, TransferPlan, ValueError, WaitReason,
    },
    wire::{Counting, Grant, Outcome, Refusal},
};

/// A source that may repeat itself, fail, and have doubts.
#[derive(Clone, Debug)]
struct Whims {
    drawn: u64,
    repeats_after: u64,
    fails_after: u64,
    doubts: NodeSet,
}

impl Source for Whims {
    fn value(&mut self) -> Result<Value, ValueError> {
        self.drawn += 1;
        if self.drawn > self.fails_after {
            return Err(Box::<dyn std::error::Error + Send + Sync>::from("no value").into());
        }
        Ok(Value::new(format!("value-{}", self.drawn.min(self.repeats_after))))
    }

    fn random(&mut self) -> u64 {
        self.doubts.len() as u64 ^ self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn in_doubt(&self, _: &Value) -> NodeSet {
        self.doubts
    }
}

/// One thing that happens to a machine.
#[derive(Clone, Debug)]
enum Happening {
    /// An outstanding request, picked by this number, is answered.
    Reply(usize, Outcome),
    /// A request that was answered before is answered once more.
    Again(usize, Outcome),
    /// A reply comes under an id that another machine has given.
    Strange(usize, Outcome),
    Tick,
    Cancel,
    HandedBack,
    Deletes(Deletes),
    MayBeFree,
    Pass(Duration),
    /// The clock is read wrongly.
    GoBack(Duration),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        5 => Just(Outcome::GRANTED),
        5 => grant().prop_map(Outcome::Granted),
        1 => Just(Outcome::Revived),
        2 => prop::sample::select(vec![Refusal::Taken, Refusal::SameValue, Refusal::OtherValue, Refusal::Adopted, Refusal::Missing])
            .prop_map(Outcome::Refused),
        2 => Just(Outcome::Failed(NodeError::not_sent("down"))),
        2 => Just(Outcome::Unknown(NodeError::unknown("lost"))),
    ]
}

/// Counters that are mostly in step or nearly so.
fn grant() -> impl Strategy<Value = Grant> {
    let fence = prop_oneof![4 => 1_u64..4, 1 => any::<u64>()];
    (prop::option::of(fence), prop::option::of(duration())).prop_map(|(fence, left)| Grant { fence, left })
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0_u64..2000).prop_map(Duration::from_millis),
        1 => (0_u64..1_000_000).prop_map(Duration::from_secs),
        1 => Just(Duration::MAX / 2),
        1 => Just(Duration::MAX),
    ]
}

fn happenings(goes_back: bool) -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        10 => (any::<usize>(), outcome()).prop_map(|(pick, outcome)| Happening::Reply(pick, outcome)),
        1 => (any::<usize>(), outcome()).prop_map(|(pick, outcome)| Happening::Again(pick, outcome)),
        1 => (any::<usize>(), outcome()).prop_map(|(pick, outcome)| Happening::Strange(pick, outcome)),
        4 => Just(Happening::Tick),
        1 => Just(Happening::Cancel),
        1 => Just(Happening::HandedBack),
        2 => (nodes(), nodes()).prop_map(|(under_way, done)| Happening::Deletes(Deletes { under_way, done })),
        2 => Just(Happening::MayBeFree),
        3 => duration().prop_map(Happening::Pass),
        1 => duration().prop_map(move |back| if goes_back { Happening::GoBack(back) } else { Happening::Tick }),
    ];
    prop::collection::vec(happening, 0..80)
}

fn start() -> impl Strategy<Value = Moment> {
    prop_oneof![
        2 => Just(Moment::from_origin(Duration::from_secs(100))),
        1 => Just(Moment::default()),
        1 => duration().prop_map(|before| Moment::from_origin(Duration::MAX - before)),
    ]
}

fn quorum() -> impl Strategy<Value = Quorum> {
    (1_usize..8)
        .prop_flat_map(|nodes| (Just(nodes), nodes / 2 + 1..=nodes))
        .prop_map(|(nodes, needed)| Quorum::new(nodes, needed).expect("a majority"))
}

fn nodes() -> impl Strategy<Value = NodeSet> {
    prop_oneof![
        3 => Just(NodeSet::EMPTY),
        1 => prop::collection::vec(0_usize..7, 0..7).prop_map(NodeSet::from_iter),
    ]
}

fn source() -> impl Strategy<Value = Whims> {
    let end = || prop_oneof![2 => Just(u64::MAX), 1 => 0_u64..4];
    (end(), end(), nodes()).prop_map(|(repeats_after, fails_after, doubts)| Whims {
        drawn: 0,
        repeats_after,
        fails_after,
        doubts,
    })
}

fn delay() -> impl Strategy<Value = Delay> {
    prop_oneof![
        Just(Delay::DEFAULT),
        duration().prop_map(Delay::Constant),
        duration().prop_map(|limit| Delay::Backoff { first: limit / 3, limit }),
    ]
}

/// What all plans have: TTL, drift, node time-out, tries, delay and, counted from the start, the deadline.
type Common = (Ttl, Drift, Duration, u32, Delay, Option<Duration>);

/// As the options' checks have it: the nodes have to answer within the validity.
fn common() -> impl Strategy<Value = Common> {
    let ttl = prop_oneof![4 => 100_u64..10_000, 1 => Just(Ttl::MAX_MILLIS)]
        .prop_map(|millis| Ttl::new(Duration::from_millis(millis)).expect("in range"));
    let drift = (0.0..0.9_f64).prop_map(|factor| Drift::new(factor).expect("in range"));
    let drift = prop_oneof![2 => Just(Drift::DEFAULT), 1 => drift];
    let timeout_factor = prop_oneof![1 => 0.0..0.99_f64, 1 => Just(0.05)];
    (ttl, drift, timeout_factor, 1_u32..5, delay(), prop::option::of(duration())).prop_map(
        |(ttl, drift, factor, tries, delay, deadline)| {
            let node_timeout = drift.validity(ttl).mul_f64(factor).max(Duration::from_nanos(1));
            (ttl, drift, node_timeout, tries, delay, deadline)
        },
    )
}

/// A machine with what was seen of it.
struct Observed<M: Machine> {
    machine: M,
    now: Moment,
    /// Whether time never went back.
    is_steady: bool,
    limits: Limits,
    outstanding: Vec<RequestId>,
    answered: Vec<RequestId>,
    results: usize,
    waits: Option<(Moment, WaitReason)>,
    /// The last moment in which the call ended or the lock was given back.
    ended: Moment,
}

#[derive(Clone, Copy)]
struct Limits {
    /// The most requests that one event can cause.
    requests: usize,
    ttl: Ttl,
    deadline: Option<Moment>,
    tries: u32,
}

impl<M: Machine> Observed<M> {
    fn new(machine: M, now: Moment, limits: Limits) -> Self {
        let (outstanding, answered) = Default::default();
        let (results, waits, is_steady, ended) = (0, None, true, now);
        let mut observed =
            Self { machine, now, is_steady, limits, outstanding, answered, results, waits, ended };
        observed.drain();
        observed
    }

    /// Returns whether there was anything but a wait.
    fn drain(&mut self) -> bool {
        for actions in 0..=self.limits.requests + 1 {
            match self.machine.poll() {
                Action::Send { id, .. } => {
                    let known = self.outstanding.iter().chain(&self.answered).any(|other| *other == id);
                    assert!(!known, "an id is used once");
                    self.outstanding.push(id);
                }
                Action::Done(_) => {
                    self.results += 1;
                    self.ended = self.now;
                    assert_eq!(self.results, 1, "a call ends once");
                }
                Action::Idle => {
                    assert_eq!(self.results, 1, "it rests when the call has ended");
                    self.waits = None;
                    return true;
                }
                Action::WaitUntil(at, reason) => {
                    self.waits = Some((at, reason));
                    self.check_wait(at, reason);
                    return actions > 0;
                }
            }
        }
        panic!("it goes on without an event");
    }

    fn check_wait(&self, at: Moment, reason: WaitReason) {
        assert_eq!(reason == WaitReason::Settling, self.results == 1, "it settles when the call has ended");
        if self.is_steady && reason == WaitReason::Settling {
            assert!(at <= self.ended.plus(self.limits.ttl.as_duration()), "clean-up goes on after the TTL");
        } else if let Some(deadline) = self.limits.deadline.filter(|_| reason != WaitReason::Settling) {
            assert!(at <= deadline, "a call goes on after its deadline");
        }
    }

    fn tell(&mut self, event: Event) -> bool {
        if matches!(event, Event::Cancel | Event::HandedBack) {
            self.ended = self.now;
        }
        self.machine.handle(event, self.now);
        self.drain()
    }

    fn answer(&mut self, pick: usize, outcome: Outcome) {
        let id = self.outstanding.remove(pick % self.outstanding.len());
        self.answered.push(id);
        self.tell(Event::Reply { id, outcome });
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Reply(pick, outcome) if !self.outstanding.is_empty() => self.answer(pick, outcome),
            Happening::Again(pick, outcome) if !self.answered.is_empty() => {
                let id = self.answered.remove(pick % self.answered.len());
                self.answered.push(id);
                self.tell(Event::Reply { id, outcome });
            }
            Happening::Strange(pick, outcome) => {
                self.tell(Event::Reply { id: strange(pick), outcome });
            }
            Happening::Reply(..) | Happening::Again(..) => {}
            Happening::Tick => {
                self.tell(Event::Tick);
            }
            Happening::Cancel => {
                self.tell(Event::Cancel);
            }
            Happening::HandedBack => {
                self.tell(Event::HandedBack);
            }
            Happening::Deletes(deletes) => {
                self.tell(Event::Deletes(deletes));
            }
            Happening::MayBeFree => {
                self.tell(Event::MayBeFree);
            }
            Happening::Pass(duration) => self.now = self.now.plus(duration),
            Happening::GoBack(duration) => {
                self.is_steady = false;
                self.now = self.now.minus(duration);
            }
        }
    }

    /// Lets time pass to the moment that it waits for, until it rests.
    fn run_out_of_time(mut self) {
        for _ in 0..(4 * self.limits.tries + 2000) {
            let Some(before) = self.waits else { return };
            self.now = self.now.max(before.0);
            let did_something = self.tell(Event::Tick);
            // At the end of time there is nothing later to wait for.
            let has_later = before.0 < Moment::from_origin(Duration::MAX);
            let is_wasted = !did_something && has_later && self.waits == Some(before);
            assert!(!is_wasted, "a tick at its moment is wasted: it would spin");
        }
        panic!("it never comes to rest");
    }

    /// Answers everything, and lets time pass only where nothing is unanswered. The nodes recover at some time.
    fn answer_all(mut self, outcome: &Outcome) {
        for step in 0..4000 {
            let outcome = if step < 200 { outcome } else { &Outcome::GRANTED };
            if self.waits.is_none() {
                return;
            } else if self.outstanding.is_empty() {
                self.now = self.now.max(self.waits.map_or(self.now, |(at, _)| at));
                self.tell(Event::Tick);
            } else {
                self.answer(0, outcome.clone());
            }
        }
        panic!("it never comes to rest");
    }
}

/// An id of another machine, with a number and a node that ours may never have had.
fn strange(pick: usize) -> RequestId {
    let quorum = Quorum::majority(64).expect("the most nodes");
    let plan = ReleasePlan {
        former: None,
        quorum,
        value: Value::new("value"),
        exact: false,
        resend: Resend::FRESH,
        asked: NodeSet::first(64),
        may_be_deleted: NodeSet::EMPTY,
        ttl: Ttl::new(Duration::from_secs(1)).expect("in range"),
        refilled: NodeSet::EMPTY,
        lasting: NodeSet::EMPTY,
        lasts_until: Moment::default(),
        node_timeout: Duration::from_secs(1),
        tries: 1,
        delay: Delay::DEFAULT,
        deadline: None,
    };
    let source = Whims { drawn: 0, repeats_after: 0, fails_after: 0, doubts: NodeSet::EMPTY };
    let mut other = Release::new(plan, source, Moment::default());
    let mut ids = std::iter::from_fn(|| match other.poll() {
        Action::Send { id, .. } => Some(id),
        Action::WaitUntil(..) | Action::Done(_) | Action::Idle => None,
    });
    ids.nth(32 + pick % 32).expect("64 requests")
}

/// Lets it all happen, and then each of the ways in which it can end.
fn check<M: Machine>(machine: impl Fn() -> M, now: Moment, limits: Limits, happenings: &[Happening]) {
    let ends =
        [Outcome::GRANTED, Outcome::Refused(Refusal::Missing), Outcome::Unknown(NodeError::unknown("lost"))];
    for end in ends.iter().map(Some).chain([None]) {
        let mut observed = Observed::new(machine(), now, limits);
        happenings.iter().for_each(|happening| observed.happen(happening.clone()));
        // What fails is sent again every second, which would take too many steps with a TTL of years.
        if limits.ttl.as_duration() < Duration::from_secs(60) {
            match end {
                Some(outcome) => observed.answer_all(outcome),
                None => observed.run_out_of_time(),
            }
        }
    }
}

fn acquire_plan() -> impl Strategy<Value = (AcquirePlan, Moment)> {
    let flags = any::<(bool, bool, bool, bool, bool)>();
    (quorum(), common(), flags, nodes(), start()).prop_map(|(quorum, common, flags, may_repeat, now)| {
        let (ttl, drift, node_timeout, tries, delay, deadline) = common;
        let (wait_for_all, exact, source_is_fresh, shuffle, fenced) = flags;
        let exact = exact.then(|| Value::new("exact"));
        let deadline = deadline.map(|deadline| now.plus(deadline));
        let plan = AcquirePlan {
            proposal: fenced.then_some(2),
            quorum,
            ttl,
            drift,
            node_timeout,
            tries,
            delay,
            deadline,
            wait_for_all,
            exact,
            source_is_fresh,
            may_repeat,
            shuffle,
        };
        (plan, now)
    })
}

prop_compose! {
    fn extend_plan()(
        quorum in quorum(), common in common(), exact in any::<bool>(), revive in any::<bool>(), absent in nodes(), now in start(),
        may_repeat in nodes(), valid_for in prop::option::of(duration()), wait_for_all in any::<bool>(), fills in any::<bool>(), refilled in nodes(),
    ) -> (ExtendPlan, Moment) {
        let (ttl, drift, node_timeout, tries, delay, deadline) = common;
        let asked = NodeSet::first(quorum.nodes()).without(absent);
        let deadline = deadline.map(|deadline| now.plus(deadline));
        (ExtendPlan {
            former: None,
            fence: None,
            wait_for_all, quorum, value: Value::new("value"), exact, asked, ttl, revive, fills: fills && !exact, refilled, may_repeat,
            drift, node_timeout, tries, delay, deadline, valid_until: valid_for.map(|valid_for| now.plus(valid_for)),
        }, now)
    }
}

prop_compose! {
    fn release_plan()(
        quorum in quorum(), common in common(), exact in any::<bool>(), absent in nodes(), may_be_deleted in nodes(),
        now in start(), until in prop::option::of(duration()),
    ) -> (ReleasePlan, Moment) {
        let (ttl, _, node_timeout, tries, delay, deadline) = common;
        let resend = match until {
            Some(until) if exact => Resend::once_until(now.plus(until)),
            None if exact => Resend::ONCE,
            Some(_) | None => Resend::FRESH,
        };
        let asked = NodeSet::first(quorum.nodes()).without(absent);
        let deadline = deadline.map(|deadline| now.plus(deadline));
        (ReleasePlan {
            former: None,
            quorum, value: Value::new("value"), exact, resend, asked, may_be_deleted, ttl, node_timeout, tries,
            refilled: NodeSet::EMPTY,
            lasting: NodeSet::EMPTY,
            lasts_until: Moment::default(),
            delay, deadline,
        }, now)
    }
}

prop_compose! {
    fn transfer_plan()(
        quorum in quorum(), common in common(), flags in any::<(bool, bool, bool)>(), absent in nodes(),
        full in duration(), now in start(),
    ) -> (TransferPlan, Moment) {
        let (ttl, drift, node_timeout, tries, delay, deadline) = common;
        let (exact, hands_back, fenced) = flags;
        let asked = NodeSet::first(quorum.nodes()).without(absent);
        let deadline = deadline.map(|deadline| now.plus(deadline));
        let resend = if exact { Resend::ONCE } else { Resend::FRESH };
        (TransferPlan {
            quorum, from: Value::new("value"), exact, resend, asked, refilled: NodeSet::EMPTY, to: hands_back.then(|| Value::new("token")), ttl,
            full: Ttl::new(full).unwrap_or(ttl), counting: if fenced { Counting::Draw(2) } else { Counting::Off },
            drift, node_timeout, tries, delay, deadline,
        }, now)
    }
}

fn both_ways() -> impl Strategy<Value = Vec<Happening>> {
    prop_oneof![3 => happenings(false), 1 => happenings(true)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_acquire_is_bounded(
        (plan, now) in acquire_plan(), source in source(), happenings in both_ways(),
    ) {
        let AcquirePlan { quorum, ttl, tries, deadline, .. } = plan;
        // A round asks every node or raises its counter, and each round so far may have to be undone everywhere.
        let limits = Limits { requests: quorum.nodes() * (tries as usize + 1), ttl, deadline, tries };
        check(|| Acquire::new(plan.clone(), source.clone(), now), now, limits, &happenings);
    }

    #[test]
    fn an_extend_is_bounded(
        (plan, now) in extend_plan(), source in source(), happenings in both_ways(),
    ) {
        let ExtendPlan { quorum, ttl, tries, deadline, valid_until, .. } = plan;
        let ends = [deadline, valid_until].into_iter().flatten().min();
        let limits = Limits { requests: 2 * quorum.nodes(), ttl, deadline: ends, tries };
        check(|| Extend::new(plan.clone(), source.clone(), now), now, limits, &happenings);
    }

    #[test]
    fn a_release_is_bounded(
        (plan, now) in release_plan(), source in source(), happenings in both_ways(),
    ) {
        let ReleasePlan { quorum, ttl, tries, deadline, .. } = plan;
        let limits = Limits { requests: quorum.nodes(), ttl, deadline, tries };
        check(|| Release::new(plan.clone(), source.clone(), now), now, limits, &happenings);
    }

    #[test]
    fn a_transfer_is_bounded(
        (plan, now) in transfer_plan(), source in source(), happenings in both_ways(),
    ) {
        let TransferPlan { quorum, ttl, tries, deadline, .. } = plan;
        let limits = Limits { requests: quorum.nodes() * (tries as usize + 1), ttl, deadline, tries };
        check(|| Transfer::new(plan.clone(), source.clone(), now), now, limits, &happenings);
    }
}
