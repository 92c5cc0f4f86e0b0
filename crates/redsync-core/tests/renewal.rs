//! Renewal: a lock is extended while it is held, and not a request longer.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{NAME, Quorum, TTL, counting::Counting, ms};
use futures_util::future::{Either, join_all, ready, select};
use redsync_core::{
    BoxFuture, ErrorKind, Guard, Loss, Mutex, Node, NodeError, Redsync, Released, Reply, Request, Runtime,
};
use redsync_testkit::memory::{Loss as Lose, MemoryNode};

/// A third of the TTL, after which a lock is extended.
const PACE: Duration = Duration::from_nanos(2_666_666_666);

fn renewed(quorum: &Quorum) -> Mutex {
    quorum.mutex().auto_extend(true)
}

/// A lock that has come to rest on all nodes, which have forgotten that they were asked.
fn at_rest(quorum: &Quorum, mutex: &Mutex) -> Guard {
    let guard = quorum.block_on(mutex.lock()).expect("free");
    quorum.settle();
    forget_calls(quorum);
    guard
}

fn forget_calls(quorum: &Quorum) {
    quorum.nodes.iter().for_each(|node| node.forget_calls());
}

/// How many requests each node was sent.
fn calls(quorum: &Quorum) -> Vec<usize> {
    quorum.nodes.iter().map(|node| node.calls().values().sum()).collect()
}

fn all(quorum: &Quorum, act: impl Fn(&MemoryNode)) {
    quorum.nodes.iter().for_each(act);
}

#[test]
fn a_lock_is_extended_at_a_third_of_its_ttl_and_not_before() {
    let quorum = Quorum::of(3);
    let begun = quorum.runtime.now();
    let guard = at_rest(&quorum, &renewed(&quorum));
    let wait = PACE - quorum.runtime.now().since(begun);
    quorum.run_for(wait - ms(1));
    assert_eq!(calls(&quorum), [0, 0, 0]);
    quorum.run_for(ms(1) + Duration::from_nanos(1));
    assert_eq!(calls(&quorum), [1, 1, 1]);
    quorum.run_for(ms(1));
    assert!(guard.valid_for() > ms(7900), "{:?}", guard.valid_for());
    quorum.block_on(guard.release()).expect("reachable");
}

#[test]
fn a_lock_lasts_for_many_ttls_by_three_extensions_in_each() {
    for fix in [|mutex: Mutex| mutex, |mutex: Mutex| mutex.with_value("v")] {
        let quorum = Quorum::of(3);
        let guard = at_rest(&quorum, &fix(renewed(&quorum)));
        for _ in 0..100 {
            quorum.run_for(TTL);
            assert!(guard.valid_for() > TTL / 2, "{:?}", guard.valid_for());
        }
        assert!(calls(&quorum).iter().all(|calls| (298..=301).contains(calls)), "{:?}", calls(&quorum));
        assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
        quorum.settle();
        assert_eq!((quorum.keys_left(), quorum.runtime.tasks_alive()), (0, 0));
    }
}

#[test]
fn nothing_is_extended_unasked() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &quorum.mutex());
    quorum.run_for(TTL);
    assert_eq!(calls(&quorum), [0, 0, 0]);
    assert!(!guard.is_valid());
    assert_eq!(quorum.runtime.tasks_alive(), 0);
}

#[test]
fn no_request_begins_once_the_guard_is_gone() {
    let ends: [fn(&Quorum, Guard); 3] = [
        |quorum, guard| assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held),
        |_, guard| drop(guard),
        |_, guard| guard.leave(),
    ];
    for (case, end) in ends.into_iter().enumerate() {
        // At rest, with an extension on its way, and with one whose last reply is still out.
        for (wait, slow) in [(ms(4000), ms(1)), (PACE + ms(1), ms(1)), (PACE + ms(5), ms(40))] {
            let quorum = Quorum::of(3);
            let guard = at_rest(&quorum, &renewed(&quorum));
            quorum.nodes[2].delay_replies(slow);
            quorum.run_for(wait);
            end(&quorum, guard);
            quorum.settle();
            forget_calls(&quorum);
            quorum.run_for(TTL * 3);
            assert_eq!(calls(&quorum), [0, 0, 0], "case {case}, {wait:?}");
            assert_eq!((quorum.keys_left(), quorum.runtime.tasks_alive()), (0, 0), "case {case}, {wait:?}");
        }
    }
}

#[test]
fn a_release_that_failed_does_not_go_back_to_extending() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum).release_tries(1));
    all(&quorum, |node| node.lose_requests(Lose::Broken));
    let error = quorum.block_on(guard.release()).expect_err("nobody hears it");
    all(&quorum, |node| node.lose_requests(Lose::Never));
    let guard = error.into_guard();
    quorum.settle();
    forget_calls(&quorum);
    quorum.run_for(TTL);
    assert_eq!(calls(&quorum), [0, 0, 0]);
    assert_eq!(quorum.block_on(guard.lost()), Loss::GivenBack);
    guard.leave();
}

#[test]
fn the_limit_ends_it() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(renewed(&quorum).max_hold(TTL * 2).lock()).expect("free");
    let begun = quorum.runtime.now();
    assert_eq!(quorum.block_on(guard.lost()), Loss::LimitReached);
    assert_eq!(quorum.runtime.now().since(begun), TTL * 2);
    assert!(guard.is_valid(), "what is left of its validity");
    quorum.settle();
    forget_calls(&quorum);
    quorum.run_for(TTL * 2);
    assert_eq!(calls(&quorum), [0, 0, 0]);
    assert_eq!(quorum.runtime.tasks_alive(), 0);
    // The last extensions before the limit would have served nothing.
    assert!(!guard.is_valid());
    guard.leave();
}

#[test]
fn what_failed_for_want_of_replies_is_tried_again_within_the_validity() {
    let failures: [fn(&MemoryNode); 4] = [
        |node| node.pause(),
        |node| node.stop(),
        |node| node.lose_replies(Lose::Broken),
        |node| node.lose_requests(Lose::Silent),
    ];
    for (case, fail) in failures.into_iter().enumerate() {
        let quorum = Quorum::of(3);
        let guard = at_rest(&quorum, &renewed(&quorum));
        quorum.nodes.iter().take(2).for_each(fail);
        quorum.run_for(ms(7000));
        assert!(guard.is_valid() && guard.valid_for() < ms(1000), "case {case}: {:?}", guard.valid_for());
        assert!(calls(&quorum)[0] > 5, "case {case}: {:?}", calls(&quorum));
        quorum.nodes.iter().take(2).for_each(|node| {
            node.start();
            node.resume();
            node.lose_replies(Lose::Never);
            node.lose_requests(Lose::Never);
        });
        quorum.run_for(ms(700));
        assert!(guard.valid_for() > ms(6500), "case {case}: {:?}", guard.valid_for());
        quorum.block_on(guard.release()).expect("reachable");
    }
}

#[test]
fn after_the_validity_nothing_is_tried_any_more() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum));
    all(&quorum, |node| node.stop());
    quorum.run_for(TTL);
    forget_calls(&quorum);
    all(&quorum, |node| node.start());
    quorum.run_for(TTL * 2);
    assert_eq!(calls(&quorum), [0, 0, 0]);
    assert!(!guard.is_valid());
    assert_eq!(quorum.runtime.tasks_alive(), 0);
    guard.leave();
}

#[test]
fn a_node_that_missed_the_lock_or_lost_it_gets_it_back() {
    let quorum = Quorum::of(3);
    quorum.nodes[2].stop();
    let guard = at_rest(&quorum, &renewed(&quorum));
    quorum.nodes[2].start();
    quorum.run_for(TTL);
    assert_eq!(quorum.keys_left(), 3, "it missed the lock");
    for node in &quorum.nodes {
        node.wipe();
        quorum.run_for(PACE + ms(10));
        assert_eq!(quorum.keys_left(), 3, "it came back empty");
    }
    assert!(guard.is_valid());
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0, "also where it was set anew");
}

#[test]
fn a_node_that_turns_out_last_to_miss_the_lock_gets_it_back_as_well() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum));
    quorum.nodes[2].wipe();
    quorum.nodes[2].delay_replies(ms(50));
    quorum.run_for(PACE + ms(200));
    assert_eq!(quorum.keys_left(), 3);
    quorum.block_on(guard.release()).expect("reachable");
}

#[test]
fn what_a_late_extension_set_anew_is_removed_when_the_lock_is_given_back() {
    // The release overtakes the extension that sets the key anew: one that does so after a plain one, and one that
    // does so itself and has no result yet.
    for (revive, slow) in [(false, 2..3), (true, 0..3)] {
        let quorum = Quorum::of(3);
        let guard = at_rest(&quorum, &renewed(&quorum).revive_on_extend(revive));
        quorum.nodes[2].execute(&["DEL", NAME]).expect("a command");
        quorum.run_for(PACE - ms(10));
        let slow = &quorum.nodes[slow];
        slow.iter().for_each(|node| node.delay_requests(ms(100)));
        quorum.run_for(ms(if revive { 50 } else { 150 }));
        slow.iter().for_each(|node| node.delay_requests(ms(0)));
        assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
        let begun = quorum.runtime.now();
        quorum.settle();
        assert!(quorum.runtime.now().since(begun) >= ms(40), "it waits for what is in flight");
        assert_eq!(quorum.keys_left(), 0, "{revive}");
    }
}

#[test]
fn a_lock_that_somebody_ended_is_not_brought_back() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum));
    all(&quorum, |node| drop(node.execute(&["DEL", NAME]).expect("a command")));
    assert_eq!(quorum.block_on(guard.lost()), Loss::Gone);
    assert_eq!(quorum.keys_left(), 0);
    assert!(!guard.is_valid());
    guard.leave();
}

#[test]
fn of_a_fixed_value_no_node_is_asked_that_is_not_known_to_hold_it() {
    let quorum = Quorum::of(3);
    quorum.nodes[2].set(NAME, "v", Some(TTL * 100));
    let guard = at_rest(&quorum, &renewed(&quorum).with_value("v"));
    quorum.run_for(TTL * 3);
    assert!(guard.is_valid());
    assert_eq!(calls(&quorum)[2], 0, "it may be a rival's");
    // A key that is gone may have been deleted by one who may.
    quorum.nodes[1].wipe();
    assert_eq!(quorum.block_on(guard.lost()), Loss::Gone);
    assert_eq!(quorum.nodes[1].get(NAME), None);
    guard.leave();
}

#[test]
fn a_fixed_value_that_is_revived_on_extension_is_revived_by_renewal_too() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum).with_value("v").revive_on_extend(true));
    quorum.nodes[1].wipe();
    quorum.run_for(TTL);
    assert_eq!(quorum.keys_left(), 3);
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
}

#[test]
fn a_lock_that_was_extended_by_hand_is_left_alone_until_a_third_after_that() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum));
    quorum.run_for(ms(2500));
    quorum.block_on(guard.extend()).expect("reachable");
    forget_calls(&quorum);
    quorum.run_for(ms(2600));
    assert_eq!(calls(&quorum), [0, 0, 0]);
    quorum.run_for(ms(100));
    assert_eq!(calls(&quorum), [1, 1, 1]);
    guard.leave();
}

#[test]
fn settled_and_shutdown_do_not_wait_for_locks_that_are_held() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum));
    quorum.nodes[2].pause();
    quorum.run_for(TTL);
    let begun = quorum.runtime.now();
    quorum.block_on(quorum.redsync.settled());
    quorum.block_on(quorum.redsync.shutdown());
    assert_eq!(quorum.runtime.now(), begun, "nor for what the hung node has not answered");
    quorum.run_for(TTL);
    assert!(guard.is_valid(), "held locks stay held");
    quorum.block_on(guard.release()).expect("two of three");
    let error = quorum.block_on(quorum.mutex().lock()).expect_err("shut down");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    quorum.nodes[2].resume();
    quorum.settle();
    assert_eq!((quorum.keys_left(), quorum.runtime.tasks_alive()), (0, 0));
}

#[test]
fn a_lock_whose_node_hangs_holds_up_no_other() {
    let quorum = Quorum::of(1);
    let mutex = |name: &'static str| quorum.redsync.mutex(name).auto_extend(true);
    // One task extends both, and the first of its requests hangs.
    let first = quorum.block_on(mutex("first").lock()).expect("free");
    let second = quorum.block_on(mutex("second").lock()).expect("free");
    quorum.run_for(PACE - ms(10));
    quorum.nodes[0].pause();
    quorum.run_for(ms(15));
    quorum.nodes[0].held().remove(1).reply();
    quorum.run_for(ms(5));
    assert!(first.valid_for() < ms(6000), "{:?}", first.valid_for());
    assert!(second.valid_for() > ms(7000), "{:?}", second.valid_for());
    quorum.nodes[0].resume();
    drop((first, second));
    quorum.settle();
}

#[test]
fn a_node_that_panics_takes_no_other_lock_with_it() {
    let quorum = Quorum::of(1);
    let is_armed = Arc::new(AtomicBool::new(false));
    let node = Panicky { inner: quorum.nodes[0].clone(), is_armed: Arc::clone(&is_armed) };
    let redsync = Redsync::builder(quorum.runtime.shared()).node(node).build().expect("a valid quorum");
    let lock = |name| quorum.block_on(redsync.mutex(name).auto_extend(true).lock()).expect("free");
    let (bad, good) = (lock("bad"), lock("good"));
    quorum.settle();
    is_armed.store(true, Ordering::SeqCst);
    quorum.run_for(TTL * 2);
    assert!(good.is_valid() && !bad.is_valid());
    assert_eq!(quorum.block_on(bad.lost()), Loss::Expiring);
    is_armed.store(false, Ordering::SeqCst);
    drop((bad, good));
    quorum.block_on(redsync.settled());
}

/// A node whose driver panics over one lock.
struct Panicky {
    inner: MemoryNode,
    is_armed: Arc<AtomicBool>,
}

impl Node for Panicky {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        let is_hit = request.key() == b"bad" && self.is_armed.load(Ordering::SeqCst);
        let call = self.inner.call(request);
        Box::pin(async move {
            assert!(!is_hit, "a fault in a driver");
            call.await
        })
    }
}

#[test]
fn a_task_that_ended_begins_anew_with_the_next_lock() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum));
    // The end of a runtime: its tasks are dropped unfinished.
    quorum.runtime.drop_tasks();
    let other = quorum.block_on(quorum.redsync.mutex("other").auto_extend(true).lock()).expect("free");
    quorum.run_for(TTL * 3);
    assert!(guard.is_valid() && other.is_valid());
    drop((guard, other));
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn a_guard_may_be_dropped_when_its_runtime_is_gone() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &renewed(&quorum));
    quorum.run_for(PACE + ms(1));
    quorum.runtime.drop_tasks();
    let lost = guard.lost();
    drop(guard);
    assert_eq!(quorum.block_on(lost), Loss::GivenBack);
}

#[test]
fn many_locks_share_one_task_and_one_timer_and_go_together() {
    const COUNT: usize = 1_000;
    let quorum = Quorum::of(3);
    let counting = Counting::new(quorum.runtime.clone());
    let redsync = Redsync::builder(counting.shared()).nodes(quorum.nodes.iter().cloned());
    let redsync = redsync.build().expect("a valid quorum");
    let mutexes: Vec<_> =
        (0..COUNT).map(|index| redsync.mutex(format!("lock-{index}")).auto_extend(true)).collect();
    let (early, late) = mutexes.split_at(COUNT / 2);
    let lock_all = |mutexes: &[Mutex]| quorum.block_on(join_all(mutexes.iter().map(Mutex::lock)));
    let mut guards = lock_all(early);
    quorum.run_for(ms(200));
    guards.extend(lock_all(late));
    quorum.block_on(redsync.settled());
    quorum.run_for(ms(1000));
    assert_eq!((quorum.runtime.tasks_alive(), counting.timers()), (1, 1), "at rest");
    forget_calls(&quorum);
    let moments = (0..1_000)
        .filter(|_| {
            let before = calls(&quorum);
            quorum.run_for(ms(10));
            assert_eq!(quorum.runtime.tasks_alive(), 1);
            calls(&quorum) != before
        })
        .count();
    assert!(calls(&quorum).iter().all(|&calls| calls >= 3 * COUNT), "{:?}", calls(&quorum));
    assert!(moments <= 4, "those that fall due together go together: {moments}");
    assert!(guards.iter().flatten().all(Guard::is_valid));
    assert_eq!(guards.iter().flatten().count(), COUNT);
    drop(guards);
    quorum.block_on(redsync.settled());
    quorum.run_for(ms(0));
    assert_eq!((quorum.keys_left(), quorum.runtime.tasks_alive(), counting.timers()), (0, 0, 0));
}

#[test]
fn the_pause_after_a_failure_is_kept_beside_a_lock_that_falls_due_more_often() {
    let alone = tries_of_a_rejected_lock(None);
    // From a third of its TTL on, a second apart.
    assert!((35..=41).contains(&alone), "{alone}");
    for ttl in [ms(1000), ms(100)] {
        let beside = tries_of_a_rejected_lock(Some(ttl));
        assert!(beside.abs_diff(alone) <= 2, "beside a TTL of {ttl:?}: {beside}, alone {alone}");
    }
}

/// How often a lock with a TTL of a minute is tried to be extended while its node rejects that, beside a healthy
/// lock with a TTL of `other`.
fn tries_of_a_rejected_lock(other: Option<Duration>) -> usize {
    let quorum = Quorum::of(1);
    let node = Rejecting { inner: quorum.nodes[0].clone(), rejected: Arc::default() };
    let rejected = Arc::clone(&node.rejected);
    let redsync = Redsync::builder(quorum.runtime.shared()).node(node).build().expect("a valid quorum");
    let lock =
        |name, ttl| quorum.block_on(redsync.mutex(name).ttl(ttl).auto_extend(true).lock()).expect("free");
    let bad = lock("bad", ms(60_000));
    let good = other.map(|ttl| lock("good", ttl));
    quorum.run_for(ms(60_000));
    assert!(!bad.is_valid() && good.as_ref().is_none_or(Guard::is_valid));
    rejected.load(Ordering::SeqCst)
}

/// A node that rejects to extend one lock, and counts how often it is asked to.
struct Rejecting {
    inner: MemoryNode,
    rejected: Arc<AtomicUsize>,
}

impl Node for Rejecting {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        // The lock is taken by a plain command.
        if request.key() != b"bad" || request.name() != "EVALSHA" {
            return self.inner.call(request);
        }
        self.rejected.fetch_add(1, Ordering::SeqCst);
        Box::pin(ready(Err(NodeError::answered("CLUSTERDOWN", "The cluster is down", "unavailable"))))
    }
}

#[test]
fn work_is_kept_up_by_one_extension_at_a_time() {
    for auto in [false, true] {
        let quorum = Quorum::of(3);
        let guard = at_rest(&quorum, &quorum.mutex().auto_extend(auto));
        let sleep = || quorum.runtime.sleep_until(quorum.runtime.now().plus(TTL * 10));
        let works = [guard.keep(sleep()), guard.keep(sleep())];
        let ended = quorum.block_on(join_all(works));
        assert!(ended.iter().all(Result::is_ok), "{ended:?}");
        assert!(calls(&quorum).iter().all(|calls| (28..=31).contains(calls)), "{:?}", calls(&quorum));
        forget_calls(&quorum);
        quorum.run_for(TTL / 2);
        assert_eq!(calls(&quorum)[0] > 0, auto, "the work is over");
        quorum.block_on(guard.release()).expect("reachable");
    }
}

#[test]
fn dropping_kept_work_ends_what_it_began() {
    let quorum = Quorum::of(3);
    let guard = at_rest(&quorum, &quorum.mutex());
    {
        let work = std::pin::pin!(guard.keep(std::future::pending::<()>()));
        let sleep = quorum.runtime.sleep_until(quorum.runtime.now().plus(TTL * 2));
        assert!(matches!(quorum.block_on(select(work, sleep)), Either::Right(_)));
        assert_eq!(quorum.runtime.tasks_alive(), 1);
    }
    assert!(guard.is_valid());
    forget_calls(&quorum);
    quorum.run_for(TTL);
    assert_eq!(calls(&quorum), [0, 0, 0]);
    assert_eq!(quorum.runtime.tasks_alive(), 0);
    guard.leave();
}
