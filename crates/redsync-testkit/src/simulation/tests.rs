//! The simulation is a function of its seed, and its invariants bite.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redsync_core::{BoxFuture, Node, NodeError, Redsync, Reply, Request, Runtime};

use super::*;
use crate::virtual_time::VirtualRuntime;

#[test]
fn the_same_seed_gives_the_same_world() {
    let settings = Settings { broken: Some(Broken::Data), ..Settings::default() };
    let run = |seed| simulate(seed, &settings);
    let broken = (0..500).find(|seed| run(*seed).violation.is_some()).expect("lost data breaks something");
    let (first, second) = (run(broken), run(broken));
    assert_eq!(first.counts.to_string(), second.counts.to_string());
    assert_eq!(first.violation.unwrap().log, second.violation.unwrap().log);
}

#[test]
fn every_kind_of_fault_happens_and_every_promise_is_kept() {
    let mut counts = Counts::default();
    for seed in 0..60 {
        let run = simulate(seed, &Settings::default());
        if let Some(violation) = run.violation {
            panic!("seed {seed}: {}: {}", violation.invariant, violation.how);
        }
        counts.merge(&run.counts);
    }
    assert_eq!(counts.faults.len(), 20, "{counts}");
    assert!(counts.all_calls() >= 200 * counts.seeds && counts.all_faults() >= 20 * counts.seeds, "{counts}");
}

#[test]
fn a_layer_of_ones_own_sees_every_request() {
    struct Counting(Path, Arc<AtomicUsize>);
    impl Node for Counting {
        fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.call(request)
        }
        fn label(&self) -> Cow<'_, str> {
            self.0.label()
        }
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let through: Layer = Arc::new(move |path| Arc::new(Counting(path, Arc::clone(&count))));
    let run = simulate(0, &Settings { through: Some(through), ..Settings::default() });
    assert!(run.violation.is_none());
    assert!(seen.load(Ordering::Relaxed) > 200);
}

#[test]
fn a_judge_of_ones_own_world_sees_what_is_left_and_nothing_where_all_is_well() {
    for is_left in [false, true] {
        let world = VirtualRuntime::new(0);
        let servers = vec![Server::new(0, Clock::new(&world, Duration::from_secs(5), 0))];
        let process = Process::new(Clock::new(&world, Duration::from_secs(1), 0));
        let node: Arc<dyn Node> = Arc::new(Path::new(&world, servers[0].node()));
        let client = Redsync::builder(process.shared()).nodes([node]).build().unwrap();
        let mut judge = Judge::new(servers, 1).with_longest_ttl(Duration::from_secs(8));
        let mut record = |what| judge.record(Event { at: world.now(), who: Who::Fate, what });
        let guard = world.block_on(client.mutex("own:a").lock()).unwrap();
        record(What::Granted(Granted::new(0, &guard)));
        record(What::GivenUp { lock: 0 });
        if is_left {
            guard.leave()
        } else {
            drop(world.block_on(guard.release()))
        }
        record(What::MustBeClean { names: "own:" });
        let invariant = judge.verdict().map(|violation| violation.invariant);
        assert_eq!(invariant, is_left.then_some("nothing left"));
    }
}

#[test]
fn a_panic_is_told_with_everything_that_led_to_it() {
    struct Panicking;
    impl Node for Panicking {
        fn call(&self, _: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
            panic!("a driver's bug")
        }
        fn label(&self) -> Cow<'_, str> {
            Cow::Borrowed("panicking")
        }
    }
    let through: Layer = Arc::new(|_| Arc::new(Panicking));
    let run = simulate(0, &Settings { through: Some(through), ..Settings::default() });
    let violation = run.violation.unwrap();
    assert_eq!((violation.invariant, violation.how.as_str()), ("no panic", "a driver's bug"));
    assert!(!violation.log.is_empty());
}
