//! P1 and P8: what a hand-over says, and what is said after one that failed, where nodes answer late or miss the lock.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use std::time::Duration;

use common::{NAME, Quorum, TTL, WAIT, ms};
use redsync_core::{ErrorKind, Guard, Released, Runtime};
use redsync_testkit::memory::{Loss, MemoryNode};

/// What happens to the nodes after some time.
fn later(quorum: &Quorum, after: Duration, act: impl FnOnce(&[MemoryNode]) + Send + 'static) {
    let (nodes, at) = (quorum.nodes.clone(), quorum.runtime.now().plus(after));
    let due = quorum.runtime.sleep_until(at);
    quorum.runtime.spawn(Box::pin(async move {
        due.await;
        act(&nodes);
    }));
}

/// A renewed lock, of which a hand-over has failed that filled the last node; the first has not answered it yet.
fn renewed_after_a_failed_hand_over(quorum: &Quorum) -> Guard {
    quorum.nodes[2].stop();
    let mutex = quorum.mutex().auto_extend(true).extend_tries(1);
    let guard = quorum.block_on(mutex.lock()).expect("two are up");
    quorum.nodes[2].start();
    quorum.nodes[0].delay_replies(ms(20_000));
    later(quorum, Duration::from_micros(500), |nodes| {
        nodes[2].lose_replies(Loss::Broken);
        nodes[0].delay_replies(ms(1));
    });
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("one of three has answered");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    quorum.nodes[2].lose_replies(Loss::Never);
    error.into_guard()
}

#[test]
fn late_news_of_a_failed_hand_over_does_not_end_a_lock_that_was_extended_since() {
    let quorum = Quorum::of(3);
    let guard = renewed_after_a_failed_hand_over(&quorum);
    // Past the late reply, and at last past the end of the clean-up of that call.
    for pause in [ms(20_000), WAIT] {
        quorum.run_for(pause);
        assert!(quorum.values().iter().all(|value| value.as_deref() == Some(guard.value())));
        quorum.nodes[1].wipe();
        quorum.block_on(guard.extend()).expect("two of three have held it all the time");
        quorum.run_for(TTL);
    }
}

#[test]
fn nodes_that_miss_the_lock_and_say_so_late_do_not_outlast_the_time_for_a_second_question() {
    for (nodes, late, wait) in [(5, 3..5, ms(2000)), (7, 4..7, ms(1000))] {
        let quorum = Quorum::of(nodes);
        late.clone().for_each(|node| quorum.nodes[node].stop());
        // The node time-out is a second.
        let guard = quorum.block_on(quorum.mutex().ttl(ms(20_000)).lock()).expect("a majority is up");
        late.clone().for_each(|node| quorum.nodes[node].start());
        quorum.run_for(ms(3000));
        for (nth, node) in late.enumerate() {
            quorum.nodes[node].delay_replies(ms(950 * (nth as u64 + 1)));
        }
        let begun = quorum.runtime.now();
        let token = quorum.block_on(guard.hand_over(wait)).expect("held by a majority");
        let took = quorum.runtime.now().since(begun);
        assert!(took <= ms(2000), "{took:?}");
        let left = token.expires().duration_since(quorum.runtime.wall_clock()).unwrap_or_default();
        assert!(left >= wait, "{left:?} after {took:?}");
    }
}

/// Of five nodes one holds it, and two have been filled by a hand-over that failed.
fn lost_and_filled(quorum: &Quorum) -> Guard {
    let guard = quorum.block_on(quorum.mutex().extend_tries(1).lock()).expect("free");
    quorum.run_for(ms(50));
    for node in &quorum.nodes[1..] {
        node.execute(&["DEL", NAME]).expect("it is up");
    }
    quorum.nodes[1].stop();
    quorum.nodes[4].stop();
    later(quorum, Duration::from_micros(500), |nodes| nodes[2].lose_replies(Loss::Broken));
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("two of five have answered");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    quorum.nodes[2].lose_replies(Loss::Never);
    quorum.nodes[1].start();
    quorum.nodes[4].start();
    assert_eq!(quorum.keys_left(), 3);
    error.into_guard()
}

#[test]
fn an_extension_hears_those_who_may_prove_the_loss() {
    for late in [0, 5] {
        let quorum = Quorum::of(5);
        let guard = lost_and_filled(&quorum);
        [1, 4].into_iter().for_each(|node| quorum.nodes[node].delay_replies(ms(1 + late)));
        let error = quorum.block_on(guard.extend()).expect_err("four of five did not have it");
        assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    }
}

#[test]
fn a_release_does_not_call_held_what_a_failed_hand_over_has_set_anew() {
    let quorum = Quorum::of(5);
    let released = quorum.block_on(lost_and_filled(&quorum).release()).expect("reachable");
    assert_ne!(released, Released::Held);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

/// Of four nodes three make a quorum, which no rival can have had while two hold the lock.
#[test]
fn where_no_rival_can_have_had_a_quorum_the_lock_is_not_called_lost() {
    for is_taken in [false, true] {
        let quorum = Quorum::of(4);
        quorum.nodes[3].stop();
        let guard = quorum.block_on(quorum.mutex().extend_tries(1).lock()).expect("three are up");
        quorum.nodes[3].start();
        if is_taken {
            quorum.nodes[3].set(NAME, "a rival's", Some(ms(3000)));
        }
        quorum.nodes[2].wipe();
        quorum.nodes[1].stop();
        let handed_over = quorum.block_on(guard.hand_over(WAIT));
        if !is_taken {
            handed_over.expect("one holds it and two were filled, while one is down");
            continue;
        }
        let error = handed_over.expect_err("two of four");
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        quorum.nodes[1].start();
        quorum.block_on(error.into_guard().hand_over(WAIT)).expect("two hold it, and one was filled");
    }
}

/// Others may set the former value back until the very end of the TTL, and are looked at as often then.
#[test]
fn what_a_rival_sets_back_at_the_end_of_a_long_ttl_goes_as_well() {
    for before in [2, 6, 14] {
        let quorum = Quorum::of(3);
        let mutex = quorum.mutex().ttl(WAIT);
        let guard = quorum.block_on(mutex.lock()).expect("free");
        let token = quorum.block_on(guard.hand_over(WAIT * 6)).expect("reachable");
        let rivals = format!("{}{:016x}", &token.value()[..16], 7);
        quorum.nodes[2].set(NAME, &rivals, Some(WAIT));
        let guard = quorum.block_on(mutex.adopt(&token)).expect("two of three");
        quorum.run_for(ms(500));
        quorum.block_on(guard.release()).expect("reachable");
        quorum.run_for(WAIT - Duration::from_secs(before));
        quorum.nodes[2].set(NAME, token.value(), Some(WAIT * 5));
        quorum.settle();
        assert_eq!(quorum.keys_left(), 0, "{before} s before the end");
    }
}
