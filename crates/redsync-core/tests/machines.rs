//! The machines under any order of replies, with duplicates, strangers' ids, and time that stands or jumps.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use redsync_core::{
    Delay, Moment, NodeError, Ttl, Value,
    machine::{
        Acquire, AcquirePlan, Action, Drift, Event, Extend, ExtendCause, ExtendPlan, Machine, NodeSet,
        Quorum, Release, ReleasePlan, RequestId, Resend, Source, ValueError,
    },
    wire::{Command, Outcome, Refusal},
};

const TTL: Duration = Duration::from_secs(8);
const NODE_TIMEOUT: Duration = Duration::from_millis(400);

/// Counts instead of drawing, so that each value is new.
struct Counter(u64);

impl Source for Counter {
    fn value(&mut self) -> Result<Value, ValueError> {
        Ok(Value::new(format!("value-{}", self.random())))
    }

    fn random(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// One thing that happens to a machine.
#[derive(Clone, Debug)]
enum Happening {
    /// An outstanding request, picked by this number, is answered.
    Reply(usize, Outcome),
    /// A request that was answered before is answered once more.
    Again(usize, Outcome),
    Tick,
    Cancel,
    /// Time passes.
    Pass(Duration),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::GRANTED),
        1 => Just(Outcome::Refused(Refusal::Taken)),
        1 => Just(Outcome::Refused(Refusal::SameValue)),
        1 => Just(Outcome::Refused(Refusal::OtherValue)),
        1 => Just(Outcome::Refused(Refusal::Missing)),
        1 => Just(Outcome::Failed(NodeError::not_sent("down"))),
        2 => Just(Outcome::Unknown(NodeError::unknown("lost"))),
    ]
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        8 => (any::<usize>(), outcome()).prop_map(|(pick, outcome)| Happening::Reply(pick, outcome)),
        1 => (any::<usize>(), outcome()).prop_map(|(pick, outcome)| Happening::Again(pick, outcome)),
        4 => Just(Happening::Tick),
        1 => Just(Happening::Cancel),
        3 => (0_u64..500).prop_map(|millis| Happening::Pass(Duration::from_millis(millis))),
        1 => prop_oneof![Just(TTL), Just(Duration::MAX)].prop_map(Happening::Pass),
    ];
    prop::collection::vec(happening, 0..120)
}

/// A machine with what was seen of it.
struct Observed<M: Machine> {
    machine: M,
    now: Moment,
    outstanding: Vec<(RequestId, Command)>,
    answered: Vec<RequestId>,
    sent: Vec<(RequestId, Command)>,
    results: usize,
    idle: bool,
    /// What was proven of a value at a node.
    proofs: BTreeMap<(Value, usize), Proof>,
}

#[derive(Default)]
struct Proof {
    asked: usize,
    grants: usize,
    refusals: usize,
    deletes: usize,
    deletes_that_failed: usize,
}

impl<M: Machine> Observed<M> {
    fn new(machine: M, now: Moment) -> Self {
        let (outstanding, answered, sent, proofs) = Default::default();
        let mut observed =
            Self { machine, now, outstanding, answered, sent, results: 0, idle: false, proofs };
        observed.drain();
        observed
    }

    fn drain(&mut self) {
        for _ in 0..10_000 {
            match self.machine.poll() {
                Action::Send { id, command } => self.note_sent(id, command),
                Action::Done(_) => self.results += 1,
                Action::Idle => {
                    self.idle = true;
                    return;
                }
                Action::WaitUntil(at, _) => {
                    self.idle = false;
                    assert!(at <= self.now.plus(TTL + TTL), "a wait without a real deadline");
                    return;
                }
            }
        }
        panic!("a machine that never waits");
    }

    fn note_sent(&mut self, id: RequestId, command: Command) {
        assert!(self.sent.iter().all(|(other, _)| *other != id), "an id is used once");
        let value = command.value();
        let proof = self.proofs.entry((value.clone(), id.node())).or_default();
        match command {
            Command::Release { .. } => {
                let may_be_set = proof.asked == 0 || proof.refusals < proof.asked;
                assert!(may_be_set, "node {} said that it had not set it", id.node());
                proof.deletes += 1;
            }
            Command::Acquire { .. }
            | Command::Extend { .. }
            | Command::Rotate { .. }
            | Command::Raise { .. } => {
                proof.asked += 1;
            }
        }
        self.sent.push((id, command.clone()));
        self.outstanding.push((id, command));
    }

    fn note_reply(&mut self, id: RequestId, command: &Command, outcome: &Outcome) {
        let value = command.value();
        let Some(proof) = self.proofs.get_mut(&(value.clone(), id.node())) else { return };
        match (command, outcome) {
            (Command::Release { .. }, Outcome::Failed(_)) => proof.deletes_that_failed += 1,
            (Command::Acquire { .. }, Outcome::Granted(_)) => proof.grants += 1,
            (Command::Acquire { .. }, Outcome::Refused(Refusal::Taken) | Outcome::Failed(_)) => {
                proof.refusals += 1
            }
            _ => {}
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Reply(pick, outcome) if !self.outstanding.is_empty() => {
                let (id, command) = self.outstanding.remove(pick % self.outstanding.len());
                self.answered.push(id);
                self.note_reply(id, &command, &outcome);
                self.machine.handle(Event::Reply { id, outcome }, self.now);
            }
            Happening::Again(pick, outcome) if !self.answered.is_empty() => {
                let id = self.answered[pick % self.answered.len()];
                self.machine.handle(Event::Reply { id, outcome }, self.now);
            }
            Happening::Reply(..) | Happening::Again(..) => return,
            Happening::Tick => self.machine.handle(Event::Tick, self.now),
            Happening::Cancel => self.machine.handle(Event::Cancel, self.now),
            Happening::Pass(duration) => self.now = self.now.plus(duration.min(TTL * 4)),
        }
        self.drain();
    }

    /// Lets time pass until the machine is idle, with no more replies.
    fn run_out(&mut self) {
        for _ in 0..1000 {
            if self.idle {
                return;
            }
            self.happen(Happening::Pass(NODE_TIMEOUT));
            self.happen(Happening::Tick);
        }
        panic!("it never comes to rest");
    }
}

fn acquire_plan(nodes: usize, tries: u32, exact: bool) -> AcquirePlan {
    AcquirePlan {
        proposal: None,
        quorum: Quorum::majority(nodes).expect("1 to 5"),
        ttl: Ttl::new(TTL).expect("in range"),
        drift: Drift::DEFAULT,
        node_timeout: NODE_TIMEOUT,
        tries,
        delay: Delay::DEFAULT,
        deadline: None,
        wait_for_all: false,
        exact: exact.then(|| Value::new("exact")),
        source_is_fresh: true,
        may_repeat: NodeSet::EMPTY,
        shuffle: true,
    }
}

const START: Moment = Moment::from_origin(Duration::from_secs(100));

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_acquire_ends_once_and_deletes_only_what_it_may_have_set(
        nodes in 1_usize..6, tries in 1_u32..5, exact: bool, wait_for_all: bool, happenings in happenings(),
    ) {
        let plan = AcquirePlan { wait_for_all, ..acquire_plan(nodes, tries, exact) };
        let mut observed = Observed::new(Acquire::new(plan, Box::new(Counter(0)), START), START);
        happenings.into_iter().for_each(|happening| observed.happen(happening));
        observed.run_out();
        prop_assert_eq!(observed.results, 1);
        for ((_, node), proof) in &observed.proofs {
            let proven = proof.grants + proof.deletes_that_failed;
            prop_assert!(!exact || proof.deletes <= proven, "node {}: a rival's could be hit", node);
        }
    }

    #[test]
    fn an_extend_ends_once_and_deletes_nothing_before_the_lock_is_given_back(
        nodes in 1_usize..6, tries in 1_u32..5, revive: bool, exact: bool, happenings in happenings(),
    ) {
        let valid_until = START.plus(TTL);
        let plan = ExtendPlan {
            former: None,
            fence: None,
            wait_for_all: false,
            quorum: Quorum::majority(nodes).expect("1 to 5"),
            value: Value::new("value"),
            exact,
            asked: NodeSet::first(nodes),
            ttl: Ttl::new(TTL).expect("in range"),
            revive,
            fills: false,
            refilled: NodeSet::EMPTY,
            may_repeat: NodeSet::EMPTY,
            drift: Drift::DEFAULT,
            node_timeout: NODE_TIMEOUT,
            tries,
            delay: Delay::DEFAULT,
            deadline: None,
            valid_until: Some(valid_until),
        };
        let mut observed = Observed::new(Extend::new(plan, Box::new(Counter(0)), START), START);
        let mut cancels = 0;
        for happening in happenings {
            cancels += usize::from(matches!(happening, Happening::Cancel));
            observed.happen(happening);
            let deletes = observed.proofs.values().map(|proof| proof.deletes).sum::<usize>();
            prop_assert!(deletes == 0 || (cancels > 0 && revive));
        }
        observed.run_out();
        prop_assert_eq!(observed.results, 1);
    }

    #[test]
    fn a_release_ends_once_and_repeats_only_what_it_may(
        nodes in 1_usize..6, tries in 1_u32..5, exact: bool, happenings in happenings(),
    ) {
        let plan = ReleasePlan {
            former: None,
            quorum: Quorum::majority(nodes).expect("1 to 5"),
            value: Value::new("value"),
            exact,
            resend: if exact { Resend::ONCE } else { Resend::FRESH },
            asked: NodeSet::first(nodes),
            may_be_deleted: NodeSet::EMPTY,
            ttl: Ttl::new(TTL).expect("in range"),
            refilled: NodeSet::EMPTY,
            lasting: NodeSet::EMPTY,
            lasts_until: Moment::default(),
            node_timeout: NODE_TIMEOUT,
            tries,
            delay: Delay::DEFAULT,
            deadline: None,
        };
        let mut observed = Observed::new(Release::new(plan, Box::new(Counter(0)), START), START);
        happenings.into_iter().for_each(|happening| observed.happen(happening));
        observed.run_out();
        prop_assert_eq!(observed.results, 1);
        for proof in observed.proofs.values() {
            prop_assert!(!exact || proof.deletes <= 1 + proof.deletes_that_failed);
        }
    }
}

#[test]
fn a_quorum_that_answers_after_the_validity_is_no_lock() {
    let plan = AcquirePlan { wait_for_all: false, ..acquire_plan(3, 1, false) };
    let mut observed = Observed::new(Acquire::new(plan, Box::new(Counter(0)), START), START);
    // A process that was stopped finds time gone and the replies waiting.
    observed.now = START.plus(TTL);
    for _ in 0..2 {
        observed.happen(Happening::Reply(0, Outcome::GRANTED));
    }
    assert_eq!(
        observed.sent.iter().filter(|(_, command)| matches!(command, Command::Release { .. })).count(),
        3
    );
}

#[test]
fn nodes_are_asked_in_random_order_when_that_is_wanted() {
    let order = |seed: u64, shuffle: bool| {
        let plan = AcquirePlan { shuffle, ..acquire_plan(5, 1, false) };
        let observed = Observed::new(Acquire::new(plan, Box::new(Counter(seed)), START), START);
        observed.sent.iter().map(|(id, _)| id.node()).collect::<Vec<_>>()
    };
    assert_eq!(order(1, false), [0, 1, 2, 3, 4]);
    assert!((1..20).any(|seed| order(seed, true) != order(seed, false)));
}

#[test]
fn an_extension_whose_quorum_answers_after_the_validity_does_not_count() {
    let plan = ExtendPlan {
        former: None,
        fence: None,
        wait_for_all: false,
        quorum: Quorum::majority(3).expect("three"),
        value: Value::new("value"),
        exact: false,
        asked: NodeSet::first(3),
        ttl: Ttl::new(TTL).expect("in range"),
        revive: true,
        fills: false,
        refilled: NodeSet::EMPTY,
        may_repeat: NodeSet::EMPTY,
        drift: Drift::DEFAULT,
        node_timeout: NODE_TIMEOUT,
        tries: 1,
        delay: Delay::DEFAULT,
        deadline: None,
        valid_until: Some(START.plus(NODE_TIMEOUT)),
    };
    let mut machine = Extend::new(plan, Box::new(Counter(0)), START);
    let ids: Vec<_> = std::iter::from_fn(|| match machine.poll() {
        Action::Send { id, .. } => Some(id),
        Action::WaitUntil(..) | Action::Done(_) | Action::Idle => None,
    })
    .collect();
    // A process that was stopped finds the replies before its timer.
    let late = START.plus(NODE_TIMEOUT);
    ids.into_iter().for_each(|id| machine.handle(Event::Reply { id, outcome: Outcome::GRANTED }, late));
    let Action::Done(Err(failure)) = machine.poll() else { panic!("it has failed") };
    assert!(matches!(failure.cause, ExtendCause::Expired));
}

#[test]
fn a_lease_that_nobody_took_is_undone_even_if_every_node_has_answered() {
    let mut machine = Acquire::new(acquire_plan(3, 1, false), Box::new(Counter(0)), START);
    let sent = |machine: &mut Acquire<_>| -> Vec<_> {
        std::iter::from_fn(|| match machine.poll() {
            Action::Send { id, command } => Some((id, command)),
            Action::WaitUntil(..) | Action::Done(_) | Action::Idle => None,
        })
        .collect()
    };
    let outcomes = [Outcome::Refused(Refusal::Taken), Outcome::GRANTED, Outcome::GRANTED];
    for ((id, _), outcome) in sent(&mut machine).into_iter().zip(outcomes) {
        machine.handle(Event::Reply { id, outcome }, START);
    }
    machine.handle(Event::Cancel, START);
    let undone: Vec<_> = sent(&mut machine).into_iter().map(|(id, _)| id.node()).collect();
    assert_eq!(undone, [1, 2]);
}

#[test]
fn an_extension_that_is_dropped_before_its_result_is_seen_undoes_nothing() {
    let plan = ExtendPlan {
        former: None,
        fence: None,
        wait_for_all: false,
        quorum: Quorum::majority(3).expect("three"),
        value: Value::new("value"),
        exact: false,
        asked: NodeSet::first(3),
        ttl: Ttl::new(TTL).expect("in range"),
        revive: true,
        fills: false,
        refilled: NodeSet::EMPTY,
        may_repeat: NodeSet::EMPTY,
        drift: Drift::DEFAULT,
        node_timeout: NODE_TIMEOUT,
        tries: 1,
        delay: Delay::DEFAULT,
        deadline: None,
        valid_until: Some(START.plus(TTL)),
    };
    let mut machine = Extend::new(plan, Box::new(Counter(0)), START);
    let ids: Vec<_> = std::iter::from_fn(|| match machine.poll() {
        Action::Send { id, .. } => Some(id),
        Action::WaitUntil(..) | Action::Done(_) | Action::Idle => None,
    })
    .collect();
    let outcomes = [Outcome::GRANTED, Outcome::GRANTED, Outcome::Revived];
    for (number, (id, outcome)) in ids.into_iter().zip(outcomes).enumerate() {
        if number == 2 {
            machine.handle(Event::Cancel, START);
        }
        machine.handle(Event::Reply { id, outcome }, START);
    }
    assert!(
        !matches!(machine.poll(), Action::Send { .. }),
        "the guard is still valid, and its key is deleted"
    );
}

#[test]
fn nobody_waits_for_what_may_not_be_sent_again() {
    let delay = Duration::from_millis(500);
    let end = START.plus(2 * delay);
    let plan = ReleasePlan {
        former: None,
        quorum: Quorum::majority(1).expect("one"),
        value: Value::new("value"),
        exact: true,
        resend: Resend::once_until(end),
        asked: NodeSet::first(1),
        may_be_deleted: NodeSet::EMPTY,
        ttl: Ttl::new(TTL).expect("in range"),
        refilled: NodeSet::EMPTY,
        lasting: NodeSet::EMPTY,
        lasts_until: Moment::default(),
        node_timeout: NODE_TIMEOUT,
        tries: 10,
        delay: Delay::Constant(delay),
        deadline: None,
    };
    let mut observed = Observed::new(Release::new(plan, Box::new(Counter(0)), START), START);
    for _ in 0..2 {
        observed.happen(Happening::Reply(0, Outcome::Failed(NodeError::not_sent("down"))));
        observed.happen(Happening::Pass(delay));
        observed.happen(Happening::Tick);
    }
    assert_eq!((observed.now, observed.sent.len(), observed.results), (end, 2, 1));
    // It certainly stands there still, so nothing is in doubt, and its TTL does the rest.
    assert!(matches!(observed.machine.poll(), Action::Idle));
}

#[test]
fn a_failed_release_of_a_fixed_value_goes_on_where_no_guard_tries_again() {
    // By the events before the node's late failure: the release was given up; or it has failed, unseen.
    for (first, second) in [(Event::Tick, None), (Event::Tick, Some(Event::Cancel))] {
        let plan = ReleasePlan {
            former: None,
            quorum: Quorum::majority(1).expect("one"),
            value: Value::new("value"),
            exact: true,
            resend: Resend::once_until(START.plus(TTL)),
            asked: NodeSet::first(1),
            may_be_deleted: NodeSet::EMPTY,
            ttl: Ttl::new(TTL).expect("in range"),
            refilled: NodeSet::EMPTY,
            lasting: NodeSet::EMPTY,
            lasts_until: Moment::default(),
            node_timeout: NODE_TIMEOUT,
            tries: 1,
            delay: Delay::DEFAULT,
            deadline: None,
        };
        let mut machine = Release::new(plan, Box::new(Counter(0)), START);
        let Action::Send { id, .. } = machine.poll() else { panic!("it sends") };
        let failed = Event::Reply { id, outcome: Outcome::Failed(NodeError::not_sent("down")) };
        let late = START.plus(NODE_TIMEOUT);
        match second {
            None => {
                machine.handle(first, late);
                assert!(
                    matches!(machine.poll(), Action::Done(Err(failure)) if failure.not_deleted.is_empty())
                );
                machine.handle(failed, late);
            }
            Some(second) => {
                machine.handle(failed, late);
                machine.handle(second, late);
                assert!(matches!(machine.poll(), Action::Done(Err(_))));
            }
        }
        let Action::WaitUntil(at, _) = machine.poll() else { panic!("it waits") };
        machine.handle(Event::Tick, at);
        assert!(matches!(machine.poll(), Action::Send { .. }), "the key is nobody's for its TTL");
    }
}

/// A delete that is sent when the validity is almost over may arrive when the value is a rival's.
#[test]
fn a_fixed_value_is_cleaned_up_only_while_its_validity_leaves_time_to_arrive() {
    let node_timeout = Duration::from_secs(2);
    let plan = AcquirePlan { node_timeout, ..acquire_plan(3, 1, true) };
    let mut machine = Acquire::new(plan, Box::new(Counter(0)), START);
    let sent = |machine: &mut Acquire<_>| -> Vec<_> {
        std::iter::from_fn(|| match machine.poll() {
            Action::Send { id, .. } => Some(id),
            Action::WaitUntil(..) | Action::Done(_) | Action::Idle => None,
        })
        .collect()
    };
    let taken = Outcome::Refused(Refusal::Taken);
    for (id, outcome) in sent(&mut machine).into_iter().zip([Outcome::GRANTED, taken.clone(), taken]) {
        machine.handle(Event::Reply { id, outcome }, START);
    }
    let last = START.plus(Drift::DEFAULT.validity(Ttl::new(TTL).expect("in range"))).minus(node_timeout);
    let (mut now, mut times) = (START, 0);
    loop {
        for id in sent(&mut machine) {
            assert!(now < last, "deleted {:?} after the last moment", now.since(last));
            times += 1;
            machine.handle(Event::Reply { id, outcome: Outcome::Failed(NodeError::not_sent("down")) }, now);
        }
        match machine.poll() {
            Action::WaitUntil(at, _) => now = at,
            Action::Send { .. } | Action::Done(_) | Action::Idle => break,
        }
        machine.handle(Event::Tick, now);
    }
    assert!(times > 5 && now >= last, "it tries until then: {times} times, until {now:?}");
}
