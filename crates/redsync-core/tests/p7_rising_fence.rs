//! P7: fencing numbers rise from holder to holder.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{NAME, Quorum, ms};
use redsync_core::{BoxFuture, ErrorKind, Guard, InvalidOption, Moment, Redsync, Runtime};
use redsync_testkit::{
    cancel::drop_after,
    memory::{ErrorReply, Loss, MemoryNode},
    virtual_time::VirtualRuntime,
};

/// The key of the lock's counter.
const COUNTER: &str = "{report:7}:fence";
const HOUR: Duration = Duration::from_secs(3600);
/// A wait that is longer than a counter outlasts its lock.
const LONG: Duration = Duration::from_secs(72 * 3600);

fn lock(quorum: &Quorum) -> Guard {
    quorum.block_on(quorum.mutex().fenced().lock()).expect("free")
}

fn counters(quorum: &Quorum) -> Vec<Option<u64>> {
    let counter = |node: &MemoryNode| Some(node.get(COUNTER)?.parse().expect("a number"));
    quorum.nodes.iter().map(counter).collect()
}

fn now(quorum: &Quorum) -> u64 {
    let since = quorum.runtime.wall_clock().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("in range")
}

fn assert_counters_outlast_the_token(quorum: &Quorum, value: &str) {
    for node in &quorum.nodes {
        assert_eq!(node.get(NAME).as_deref(), Some(value));
        let (counter, lock) = (node.ttl(COUNTER).expect("it stands"), node.ttl(NAME).expect("it stands"));
        assert!(counter > lock, "the counter for {counter:?}, the token for {lock:?}");
    }
}

fn scripts(node: &MemoryNode) -> usize {
    node.calls().values().sum()
}

#[test]
fn a_number_is_drawn_where_it_was_asked_for() {
    let quorum = Quorum::of(3);
    let plain = quorum.block_on(quorum.mutex().lock()).expect("free");
    assert_eq!(plain.fence(), None);
    quorum.block_on(plain.release()).expect("reachable");
    quorum.settle();
    let before = now(&quorum);
    let guard = lock(&quorum);
    let fence = guard.fence().expect("fenced");
    assert!((before..=now(&quorum)).contains(&fence), "a time to begin with");
    quorum.settle();
    assert!(counters(&quorum).iter().all(|counter| *counter == Some(fence)));
}

#[test]
fn numbers_rise_from_holder_to_holder_and_through_the_queue() {
    let quorum = Quorum::of(3);
    let mut last = 0;
    let mut rises = |fence: Option<u64>| {
        let fence = fence.expect("fenced");
        assert!(fence > std::mem::replace(&mut last, fence), "{fence} after {last}");
    };
    for _ in 0..3 {
        let guard = lock(&quorum);
        rises(guard.fence());
        let token = quorum.block_on(guard.hand_over(Duration::from_secs(60))).expect("reachable");
        let guard = quorum.block_on(quorum.redsync.adopt(&token)).expect("the only one");
        rises(guard.fence());
        quorum.block_on(guard.extend()).expect("held");
        quorum.block_on(guard.hand_back(&token)).expect("reachable");
        let guard = quorum.block_on(quorum.redsync.adopt(&token)).expect("good again");
        rises(guard.fence());
        quorum.block_on(guard.release()).expect("reachable");
        quorum.settle();
    }
}

#[test]
fn nodes_in_step_cost_one_round_trip() {
    let quorum = Quorum::of(3);
    drop(lock(&quorum));
    quorum.settle();
    quorum.nodes.iter().for_each(MemoryNode::forget_calls);
    let begun = quorum.runtime.now();
    let guard = lock(&quorum);
    assert_eq!(quorum.runtime.now().since(begun), ms(1));
    assert!(quorum.nodes.iter().all(|node| scripts(node) == 1));
    drop(guard);
}

#[test]
fn a_node_that_is_behind_is_raised_before_it_counts() {
    let quorum = Quorum::of(3);
    let far = now(&quorum) + 1_000_000;
    quorum.nodes[0].set(COUNTER, &far.to_string(), None);
    quorum.nodes[1].set(COUNTER, "5", None);
    quorum.nodes[2].stop();
    let guard = lock(&quorum);
    assert_eq!(guard.fence(), Some(far + 1));
    assert_eq!(counters(&quorum)[..2], [Some(far + 1), Some(far + 1)]);
    drop(guard);
}

#[test]
fn a_lock_whose_counters_cannot_be_raised_is_not_granted() {
    let quorum = Quorum::of(3);
    quorum.nodes[0].set(COUNTER, &(now(&quorum) + 1_000_000).to_string(), None);
    quorum.nodes[2].stop();
    // The grants arrive, and what would raise the counter does not.
    quorum.nodes[1].delay_replies(ms(20));
    let mutex = quorum.mutex().fenced().tries(1);
    let (result, ()) = quorum.block_on(futures_util::future::join(mutex.lock(), async {
        quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(10))).await;
        quorum.nodes[1].lose_requests(Loss::Broken);
    }));
    assert!(result.is_err(), "{result:?}");
    quorum.nodes[1].lose_requests(Loss::Never);
    quorum.settle();
    assert!(quorum.nodes.iter().all(|node| node.get(NAME).is_none()));
}

#[test]
fn a_clock_that_is_ahead_does_not_run_off_with_the_counter() {
    let quorum = Quorum::of(1);
    let proposal = u64::MAX >> 12;
    let request = redsync_core::wire::Command::Acquire {
        value: redsync_core::Value::new("v"),
        ttl: redsync_core::Ttl::new(ms(1000)).expect("in range"),
        look: false,
        proposal: Some(proposal),
    }
    .request_with_text(&NAME.into());
    let words: Vec<_> = request.args().map(<[u8]>::to_vec).collect();
    quorum.nodes[0].execute(&words).expect("a script of ours");
    assert_eq!(counters(&quorum), [Some(now(&quorum) + 60_000_000)]);
}

#[test]
fn a_counter_outlasts_its_lock_by_a_day_and_a_holder_restores_a_lost_one() {
    let quorum = Quorum::of(3);
    let guard = lock(&quorum);
    quorum.settle();
    let day = Duration::from_secs(24 * 3600);
    assert!(quorum.nodes.iter().all(|node| node.ttl(COUNTER) > Some(day)));
    quorum.nodes[1].wipe();
    let token = quorum.block_on(guard.hand_over(Duration::from_secs(60))).expect("reachable");
    assert!(quorum.nodes.iter().all(|node| node.get(NAME).as_deref() == Some(token.value())));
    assert!(counters(&quorum).iter().all(|counter| *counter == token.fence()), "{:?}", counters(&quorum));
}

/// The worker whose clock is behind proposes a number below all that were drawn.
#[test]
fn a_counter_outlasts_a_token_that_was_handed_back() {
    let quorum = Quorum::of(3);
    let token = quorum.block_on(lock(&quorum).hand_over(LONG)).expect("reachable");
    quorum.run_for(HOUR);
    let guard = quorum.adopt(&token);
    let earlier = guard.fence();
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    quorum.settle();
    assert_counters_outlast_the_token(&quorum, token.value());
    quorum.run_for(48 * HOUR);
    let runtime = Arc::new(Behind(quorum.runtime.clone(), LONG));
    let worker = Redsync::builder(runtime).nodes(quorum.nodes.iter().cloned()).build().expect("a quorum");
    let guard = quorum.block_on(worker.adopt(&token)).expect("good again");
    assert!(guard.fence() > earlier, "{:?} after {earlier:?}", guard.fence());
}

#[test]
fn a_counter_outlasts_a_token_that_was_set_back() {
    let quorum = Quorum::of(3);
    let token = quorum.block_on(lock(&quorum).hand_over(LONG)).expect("reachable");
    let adoption = quorum.block_on(drop_after(1, quorum.redsync.adopt(&token)));
    assert!(adoption.is_none(), "{adoption:?}");
    quorum.settle();
    assert_counters_outlast_the_token(&quorum, token.value());
}

#[test]
fn a_hand_back_lengthens_a_counter_that_would_end_too_early() {
    let quorum = Quorum::of(3);
    let token = quorum.block_on(lock(&quorum).hand_over(LONG)).expect("reachable");
    let guard = quorum.adopt(&token);
    for node in &quorum.nodes {
        node.execute(&["PEXPIRE", COUNTER, "60000"]).expect("it stands");
    }
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    quorum.settle();
    assert_counters_outlast_the_token(&quorum, token.value());
}

#[test]
fn a_name_that_leaves_no_room_for_the_counter_is_refused() {
    let quorum = Quorum::of(1);
    let error = quorum.redsync.mutex("a}b").fenced().check().expect_err("no hash tag");
    assert!(matches!(error, InvalidOption::FencedName(_)), "{error}");
    quorum.redsync.mutex("{a}b").fenced().check().expect("a hash tag");
    quorum.redsync.mutex("a}b").check().expect("no counter");
}

/// Rivals take and drop the lock while replies are late and one node at a time is down.
#[test]
fn numbers_rise_whatever_a_minority_does() {
    for seed in 0..40 {
        let quorum = Quorum::of(3);
        quorum.nodes.iter().for_each(|node| node.jitter(ms(30)));
        let mut last = 0;
        for round in 0..20 {
            let trouble = &quorum.nodes[(seed + round) % 3];
            match (seed + round) % 4 {
                0 => trouble.stop(),
                1 => trouble.pause(),
                2 => trouble.lose_replies(Loss::Broken),
                _ => {}
            }
            let client = quorum.other_process();
            let guard = quorum.block_on(client.mutex(NAME).fenced().lock()).expect("a quorum is up");
            let fence = guard.fence().expect("fenced");
            assert!(fence > last, "{fence} after {last} with seed {seed} in round {round}");
            last = fence;
            quorum.block_on(guard.release()).expect("reachable");
            trouble.lose_replies(Loss::Never);
            trouble.start();
            trouble.resume();
        }
    }
}

/// Who waits for long must not come with a number from when the waiting began.
#[test]
fn who_has_waited_proposes_the_time_of_the_try() {
    let quorum = Quorum::of(3);
    quorum.nodes.iter().for_each(|node| node.set(NAME, "a plain lock's", Some(ms(1000))));
    // Nobody tells when that is over.
    let refusal = || ErrorReply::new("NOPERM", "this user has no permissions to run the 'pttl' command");
    quorum.nodes.iter().for_each(|node| node.refuse("PTTL", refusal()));
    let patient = quorum.other_process();
    let mutex = patient.mutex(NAME).fenced().retry_delay(ms(700));
    let holding = async {
        quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(1050))).await;
        let guard = quorum.mutex().fenced().lock().await.expect("free");
        let fence = guard.fence();
        guard.release().await.expect("reachable");
        quorum.redsync.settled().await;
        quorum.nodes.iter().for_each(MemoryNode::wipe);
        fence
    };
    let (guard, earlier) = quorum.block_on(futures_util::future::join(mutex.lock(), holding));
    let fence = guard.expect("free by then").fence();
    assert!(fence > earlier, "{fence:?} after {earlier:?}");
}

#[test]
fn of_two_who_fix_the_same_value_one_holds_it() {
    let quorum = Quorum::of(3);
    let (a, b) = (quorum.redsync.mutex(NAME), quorum.other_process().mutex(NAME));
    let (a, b) = (a.fenced().with_value("job-1138"), b.fenced().with_value("job-1138").tries(1));
    let guard = quorum.block_on(a.lock()).expect("free");
    assert!(guard.fence().is_some());
    let error = quorum.block_on(b.lock()).expect_err("held");
    assert_eq!(error.kind(), ErrorKind::HeldUnderThisValue, "{error}");
}

/// Its wall clock is so far behind.
struct Behind(VirtualRuntime, Duration);

impl Runtime for Behind {
    fn now(&self) -> Moment {
        self.0.now()
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    fn wall_clock(&self) -> SystemTime {
        self.0.wall_clock() - self.1
    }

    fn random(&self) -> u64 {
        self.0.random()
    }
}
