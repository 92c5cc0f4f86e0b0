//! P3: nobody else's lock is touched.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::time::Duration;

use common::{FIXED, NAME, Quorum, TTL, ms};
use redsync_core::{ErrorKind, Mutex, Released};
use redsync_testkit::cancel::drop_after;

#[test]
fn a_node_that_answered_taken_is_not_cleaned() {
    let quorum = Quorum::of(5);
    quorum.nodes.iter().take(3).for_each(|node| node.set(NAME, "a rival's", Some(TTL)));
    quorum.block_on(quorum.mutex().tries(4).lock()).expect_err("taken");
    quorum.settle();
    for (index, node) in quorum.nodes.iter().enumerate() {
        let deletes = node.calls().into_iter().filter(|(command, _)| command.starts_with("EVAL")).count();
        assert_eq!(deletes > 0, index >= 3, "node {index}");
    }
}

#[test]
fn a_failed_extend_deletes_nothing() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().ttl(TTL * 8).lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].pause();
    quorum.nodes[1].pause();
    let error = quorum.block_on(guard.extend()).expect_err("a majority stalls");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    quorum.run_for(ms(700));
    quorum.nodes.iter().for_each(|node| node.resume());
    quorum.settle();
    assert_eq!(quorum.keys_left(), 3);
    assert!(guard.is_valid(), "most of the TTL is left");
    guard.leave();
}

#[test]
fn the_loser_of_two_with_the_same_value_does_not_disturb_the_winner() {
    for unanswered in 0..=3 {
        let quorum = Quorum::of(3);
        let winner = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("free");
        quorum.settle();
        quorum.nodes.iter().take(unanswered).for_each(|node| node.pause());
        let loser = quorum.other_process().mutex(NAME).with_value("v").tries(3);
        let error = quorum.block_on(loser.lock()).expect_err("held under the same value");
        let expected = if unanswered < 2 { ErrorKind::HeldUnderThisValue } else { ErrorKind::Unreachable };
        assert_eq!(error.kind(), expected, "{unanswered} nodes do not answer");
        quorum.nodes.iter().for_each(|node| node.resume());
        quorum.run_for(ms(1000));
        assert_eq!(quorum.keys_left(), 3, "{unanswered} nodes did not answer");
        assert!(winner.is_valid());
        quorum.block_on(winner.extend()).expect("undisturbed");
        assert_eq!(quorum.block_on(winner.release()).expect("undisturbed"), Released::Held);
    }
}

#[test]
fn a_release_hits_no_key_that_a_rival_set_to_the_same_value() {
    let fixed: [fn(Mutex) -> Mutex; 2] =
        [|mutex| mutex.with_value("v"), |mutex| mutex.value_fn(|| Ok("v".to_owned()))];
    for fix in fixed {
        let quorum = Quorum::of(3);
        quorum.nodes[2].set(NAME, "v", Some(TTL));
        let guard = quorum.block_on(fix(quorum.mutex()).wait_for_all(true).lock()).expect("two of three");
        quorum.nodes[2].forget_calls();
        assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
        quorum.run_for(ms(100));
        assert_eq!(quorum.values(), [None, None, Some("v".to_owned())]);
        assert!(quorum.nodes[2].calls().is_empty(), "it was not even asked");
    }
}

#[test]
fn an_expired_guard_of_a_fixed_value_sends_nothing() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("free");
    quorum.settle();
    quorum.run_for(TTL);
    let rival = quorum.block_on(quorum.other_process().mutex(NAME).with_value("v").lock()).expect("expired");
    assert_eq!(quorum.block_on(guard.release()).expect("nothing to fail"), Released::Expired);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 3, "the rival's");
    rival.leave();
}

#[test]
fn a_release_of_a_fixed_value_by_value_is_not_repeated_after_a_lost_reply() {
    let quorum = Quorum::of(1);
    quorum.nodes[0].set(NAME, "v", Some(TTL));
    quorum.nodes[0].lose_replies(redsync_testkit::memory::Loss::Broken);
    let error = quorum.block_on(quorum.mutex().with_value("v").unlock()).expect_err("no reply");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    quorum.nodes[0].set(NAME, "v", Some(TTL));
    quorum.nodes[0].lose_replies(redsync_testkit::memory::Loss::Never);
    quorum.run_for(TTL / 2);
    assert_eq!(quorum.keys_left(), 1, "the rival's, who may use the same value");
}

#[test]
fn a_fixed_value_is_not_used_again_where_its_release_is_unconfirmed() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].pause();
    assert_eq!(quorum.block_on(guard.release()).expect("two of three"), Released::Held);
    let again = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("two of three");
    quorum.nodes[0].resume();
    quorum.run_for(ms(100));
    assert_eq!(quorum.values(), [None, Some("v".to_owned()), Some("v".to_owned())], "the first sat out");
    quorum.block_on(again.release()).expect("reachable");
    let third = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("free");
    quorum.settle();
    assert_eq!(quorum.keys_left(), 3, "the first is back in");
    third.leave();
}

/// What first asked for it is answered only when a worker has long released it, and it is taken once more.
#[test]
fn a_fixed_value_is_not_used_again_where_what_set_it_first_is_unanswered() {
    for dropped in [false, true] {
        for repeats in [false, true] {
            let quorum = Quorum::of(3);
            let mutex = if repeats {
                quorum.mutex().value_fn(|| Ok(FIXED.to_owned()))
            } else {
                quorum.mutex().with_value(FIXED)
            };
            quorum.nodes[2].delay_replies(ms(3000));
            let first = quorum.block_on(mutex.lock()).expect("two nodes answer");
            quorum.nodes[2].delay_replies(ms(1));
            if dropped {
                drop(first);
                quorum.run_for(ms(5));
            } else {
                quorum.block_on(first.release()).expect("reachable");
            }
            let second = quorum.block_on(mutex.lock()).expect("free");
            let token = quorum.block_on(second.hand_over(ms(1000))).expect("reachable");
            let adopted = quorum.block_on(quorum.other_process().adopt(&token)).expect("the only one");
            quorum.block_on(adopted.release()).expect("reachable");
            quorum.run_for(ms(10));
            quorum.nodes[1].stop();
            quorum.block_on(mutex.tries(1).lock()).expect_err("one node is down, and one owes an answer");
            quorum.run_for(ms(3000));
        }
    }
}

#[test]
fn a_failed_release_of_a_fixed_value_is_tried_again_only_where_it_certainly_did_nothing() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("free");
    quorum.settle();
    // One delete is executed, one reply is lost, one request is never sent.
    quorum.nodes[1].lose_replies(redsync_testkit::memory::Loss::Broken);
    quorum.nodes[2].stop();
    let error = quorum.block_on(guard.release()).expect_err("one of three confirmed");
    quorum.nodes[1].lose_replies(redsync_testkit::memory::Loss::Never);
    quorum.nodes[2].start();
    let rival = quorum.block_on(quorum.other_process().mutex(NAME).with_value("v").lock());
    let rival = rival.expect("free at two of three");
    assert_eq!(quorum.block_on(error.into_guard().release()).expect("one is left"), Released::Unclear);
    quorum.run_for(ms(100));
    assert_eq!(quorum.values(), [Some("v".to_owned()), Some("v".to_owned()), None], "the rival's");
    quorum.block_on(rival.extend()).expect("undisturbed");
    rival.leave();
}

#[test]
fn an_extension_of_a_fixed_value_that_comes_late_deletes_nothing() {
    let quorum = Quorum::of(1);
    let guard = quorum.block_on(quorum.mutex().with_value("v").revive_on_extend(true).lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].delay_replies(ms(100));
    quorum.block_on(drop_after(1, guard.extend()));
    quorum.nodes[0].delay_replies(ms(1));
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    let rival = quorum.block_on(quorum.other_process().mutex(NAME).with_value("v").lock()).expect("free");
    quorum.run_for(ms(500));
    assert_eq!(quorum.keys_left(), 1, "the rival's");
    rival.leave();
}

#[test]
fn a_release_that_could_come_too_late_is_not_sent() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("free");
    quorum.settle();
    quorum.run_for(guard.valid_for() - ms(1));
    quorum.nodes.iter().for_each(|node| node.delay_requests(ms(200)));
    assert_eq!(quorum.block_on(guard.release()).expect("nothing to fail"), Released::Expired);
}

#[test]
fn a_release_that_must_not_come_late_takes_one_request_even_where_the_script_is_forgotten() {
    let quorum = Quorum::of(1);
    let guard = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].flush_scripts();
    quorum.nodes[0].forget_calls();
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    assert_eq!(quorum.nodes[0].calls().into_iter().collect::<Vec<_>>(), [("EVAL".to_owned(), 1)]);
}

#[test]
fn a_value_function_that_comes_back_to_a_value_turns_to_the_rules_of_fixed_ones() {
    let quorum = Quorum::of(3);
    let count = std::sync::atomic::AtomicUsize::new(0);
    let alternating = move || {
        let index = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(["a", "b"][index % 2].to_owned())
    };
    quorum.nodes.iter().for_each(|node| node.pause());
    let mutex = quorum.mutex().value_fn(alternating).tries(4).retry_delay(ms(10));
    quorum.block_on(mutex.lock()).expect_err("no answer");
    let held = quorum.nodes[0].held();
    let count = |name| held.iter().filter(|request| request.request().name().starts_with(name)).count();
    // Two rounds under rules of fresh values ask and undo; the third finds "a" in doubt everywhere, as the
    // fourth does "b".
    assert_eq!((count("SET"), count("EVAL")), (2, 2));
    quorum.nodes.iter().for_each(|node| node.resume());
}

/// The unlock finds nothing, and is answered after its call has ended; meanwhile a rival takes the lock under the
/// same value. What the answer leads to must not touch it.
#[test]
fn an_unlock_that_is_answered_late_leaves_the_next_holder_of_the_value_alone() {
    for native in [None, Some(redsync_core::wire::Native::DelIfEq)] {
        let quorum = Quorum::of(1);
        quorum.nodes[0].set_native(native);
        for _ in 0..2 {
            let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
            quorum.block_on(guard.release()).expect("reachable");
        }
        quorum.nodes[0].flush_scripts();
        quorum.nodes[0].delay_replies(ms(400));
        let unlock = quorum.mutex().with_value("v").node_timeout(ms(100)).release_tries(1);
        quorum.block_on(unlock.unlock()).expect_err("no answer in time");
        quorum.nodes[0].delay_replies(ms(0));
        let rival = quorum.other_process();
        let rival = rival.mutex(NAME).ttl(Duration::from_secs(60)).with_value("v");
        let guard = quorum.block_on(rival.lock()).expect("free");
        quorum.run_for(ms(1000));
        assert!(guard.is_valid());
        assert_eq!(quorum.values(), [Some("v".to_owned())], "{native:?}");
    }
}

/// A node that missed an extension holds the key no longer than before; what stands there then may be a rival's.
#[test]
fn a_release_leaves_out_a_node_that_missed_the_extension() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().ttl(ms(2000)).with_value("v").lock()).expect("free");
    quorum.settle();
    quorum.run_for(ms(1500));
    quorum.nodes[0].lose_requests(redsync_testkit::memory::Loss::Broken);
    quorum.block_on(guard.extend()).expect("two of three");
    quorum.settle();
    quorum.nodes[0].lose_requests(redsync_testkit::memory::Loss::Never);
    quorum.run_for(ms(600));
    assert_eq!(quorum.nodes[0].get(NAME), None, "its TTL is over");
    quorum.nodes[0].set(NAME, "v", Some(ms(60_000)));
    assert_eq!(quorum.block_on(guard.release()).expect("two of three"), Released::Held);
    quorum.settle();
    assert_eq!(quorum.values(), [Some("v".to_owned()), None, None]);
}

/// What an extension finds after the validity that it was to extend may be a rival's key of the same value.
#[test]
fn an_extension_that_is_answered_late_does_not_make_a_rivals_key_ours() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().ttl(ms(2000)).with_value("v").lock()).expect("free");
    quorum.settle();
    quorum.run_for(ms(1500));
    quorum.nodes[0].pause();
    quorum.block_on(guard.extend()).expect("two of three");
    quorum.run_for(ms(600));
    assert_eq!(quorum.nodes[0].get(NAME), None, "its TTL is over");
    quorum.nodes[0].set(NAME, "v", Some(ms(60_000)));
    quorum.nodes[0].resume();
    quorum.run_for(ms(100));
    assert_eq!(quorum.block_on(guard.release()).expect("two of three"), Released::Held);
    quorum.settle();
    assert_eq!(quorum.values(), [Some("v".to_owned()), None, None]);
}
