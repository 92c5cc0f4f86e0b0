//! What is executed or answered long after its call: nothing of a later holder is touched, and nothing is taken for proof.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::time::Duration;

use common::{
    NAME, Quorum, TTL, WAIT,
    link::{Mode, all, process, warm},
    ms,
};
use redsync_core::{Delay, ErrorKind, LockToken, Redsync, Released, Runtime};
use redsync_testkit::cancel::drop_after;

fn all_wait(quorum: &Quorum, token: &LockToken) {
    let values = quorum.values();
    assert!(values.iter().all(|value| value.as_deref() == Some(token.value())), "{values:?}");
}

/// The token was made good again meanwhile, by who came after.
#[test]
fn a_release_that_comes_through_late_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.adopt(&token)).expect("good");
    quorum.run_for(ms(3000));
    all(&links, Mode::Cut);
    assert!(guard.is_valid());
    drop(guard);
    quorum.run_for(ms(5500));
    assert_eq!(quorum.keys_left(), 0, "the TTL is over");
    // The next worker finds that the token has expired, takes the lock anew, fails, and hands it back.
    let error = quorum.block_on(quorum.redsync.adopt(&token)).expect_err("expired");
    assert_eq!(error.kind(), ErrorKind::Expired);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all_wait(&quorum, &token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    all_wait(&quorum, &token);
}

#[test]
fn a_hand_over_of_a_guard_that_has_expired_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).extend_tries(1).adopt(&token)).expect("good");
    quorum.run_for(ms(3000));
    all(&links, Mode::Hung);
    let guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("hung").into_guard();
    quorum.run_for(ms(6000));
    assert!(!guard.is_valid());
    drop(guard);
    quorum.run_for(ms(100));
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all_wait(&quorum, &token);
    quorum.run_for(ms(60_000));
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    all_wait(&quorum, &token);
}

/// What was asked for without a word is not asked for again in the background.
#[test]
fn a_hand_back_of_a_fixed_value_does_not_touch_a_rivals_lock() {
    let quorum = Quorum::of(3);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let guard = quorum.block_on(first.mutex(NAME).with_value("job-1138").lock()).expect("free");
    quorum.run_for(ms(10));
    links[2].set(Mode::Deaf);
    let later = links[2].clone();
    let at = quorum.runtime.sleep_until(quorum.runtime.now().plus(Duration::from_micros(500)));
    quorum.runtime.spawn(Box::pin(async move {
        at.await;
        later.set(Mode::Cut)
    }));
    quorum.block_on(guard.hand_back(&token)).expect("two of three");
    all_wait(&quorum, &token);
    quorum.block_on(quorum.adopt(&token).release()).expect("reachable");
    quorum.settle();
    let rival = quorum.block_on(quorum.mutex().with_value("job-1138").lock()).expect("free");
    links[2].set(Mode::Up);
    quorum.run_for(ms(2000));
    assert!(rival.is_valid());
    assert!(
        quorum.values().iter().all(|value| value.as_deref() == Some("job-1138")),
        "{:?}",
        quorum.values()
    );
}

/// Nor by a second round.
#[test]
fn a_second_round_of_a_hand_back_of_a_fixed_value_makes_no_two_holders() {
    let quorum = Quorum::of(3);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let guard = quorum.block_on(first.mutex(NAME).with_value("job-1138").lock()).expect("free");
    quorum.run_for(ms(10));
    all(&links, Mode::Deaf);
    let later = links.clone();
    let at = quorum.runtime.sleep_until(quorum.runtime.now().plus(Duration::from_micros(500)));
    quorum.runtime.spawn(Box::pin(async move {
        at.await;
        all(&later, Mode::Slow)
    }));
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("no reply");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    error.into_guard().leave();
    all_wait(&quorum, &token);
    quorum.block_on(quorum.adopt(&token).release()).expect("reachable");
    quorum.settle();
    let rival = quorum.block_on(quorum.mutex().with_value("job-1138").lock()).expect("free");
    all(&links, Mode::Up);
    quorum.run_for(ms(100));
    let again = quorum.block_on(quorum.other_process().adopt(&token));
    assert!(!(rival.is_valid() && again.as_ref().is_ok_and(|guard| guard.is_valid())), "two valid guards");
}

#[test]
fn two_whose_replies_are_lost_are_not_both_sent_away() {
    for mode in [Mode::Up, Mode::Deaf] {
        let quorum = Quorum::of(3);
        let ((first, a), (second, b)) = (process(&quorum), process(&quorum));
        warm(&quorum, &first);
        let token = quorum.handed_over();
        // One node has come back empty.
        quorum.nodes[2].wipe();
        let worker =
            |redsync: &Redsync| redsync.mutex(NAME).tries(8).retry_delay(Delay::Between(ms(1), ms(20)));
        let (one, other) = (worker(&first), worker(&second));
        // Each has a node, and misses the reply of it once. The ways to the other node are longer.
        a[0].set(mode);
        b[1].set(mode);
        a[1].set(Mode::Slow);
        b[0].set(Mode::Slow);
        let (mut a2, b2) = (a.clone(), b.clone());
        let at = quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(5)));
        quorum.runtime.spawn(Box::pin(async move {
            at.await;
            a2.extend(b2);
            all(&a2, Mode::Up)
        }));
        let (x, y) = quorum.block_on(futures_util::future::join(one.adopt(&token), other.adopt(&token)));
        let adopted = [x, y].map(|adopted| adopted.map(drop).map_err(|error| error.kind()));
        assert!(adopted.iter().any(Result::is_ok), "{mode:?}: {adopted:?}");
    }
}

#[test]
fn an_extension_in_flight_does_not_go_by_what_a_failed_hand_over_has_filled() {
    let quorum = Quorum::of(5);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let guard = quorum.block_on(first.mutex(NAME).auto_extend(true).extend_tries(1).lock()).expect("free");
    quorum.run_for(ms(2600));
    // The renewal that is due now takes a slower way than what comes after it.
    all(&links, Mode::Late(ms(200)));
    quorum.run_for(ms(100));
    all(&links, Mode::Up);
    // Somebody ends the lock at four of the five nodes.
    quorum.nodes[1..].iter().for_each(|node| _ = node.execute(&["DEL", NAME]).expect("up"));
    links[1].set(Mode::Cut);
    links[4].set(Mode::Cut);
    let filling = links[2].clone();
    let at = quorum.runtime.sleep_until(quorum.runtime.now().plus(Duration::from_micros(500)));
    quorum.runtime.spawn(Box::pin(async move {
        at.await;
        filling.set(Mode::Deaf)
    }));
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("two of five have answered");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let guard = error.into_guard();
    quorum.run_for(ms(300));
    all(&links, Mode::Up);
    quorum.run_for(TTL * 2);
    assert!(!guard.is_valid(), "one of five has held it all the time: valid for {:?}", guard.valid_for());
}

#[test]
fn a_hand_over_that_was_dropped_does_not_flood_a_node_that_stays_away() {
    let count = |dropped: bool| {
        let quorum = Quorum::of(3);
        let (first, links) = process(&quorum);
        warm(&quorum, &first);
        let guard = quorum.block_on(first.mutex(NAME).lock()).expect("free");
        let wait = Duration::from_secs(24 * 3600);
        if dropped {
            links[2].set(Mode::Hung);
            assert!(quorum.block_on(drop_after(1, guard.hand_over(wait))).is_none());
        } else {
            links[2].set(Mode::Hung);
            all(&links[..2], Mode::Deaf);
            drop(quorum.block_on(guard.hand_over(wait)).expect_err("lost"));
        }
        quorum.run_for(ms(20));
        links[2].set(Mode::Cut);
        all(&links[..2], Mode::Up);
        quorum.run_for(wait / 2);
        let before = links[2].sent();
        quorum.run_for(Duration::from_secs(3600));
        links[2].sent() - before
    };
    let counts = [count(true), count(false)];
    assert!(counts.iter().all(|count| *count < 100), "{counts:?} requests in an hour, half a day later");
}

/// The release goes on, and would take the token with it.
#[test]
fn a_guard_whose_release_has_failed_does_not_go_back() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).release_tries(1).adopt(&token)).expect("good");
    all(&links, Mode::Cut);
    let guard = quorum.block_on(guard.release()).expect_err("down").into_guard();
    all(&links, Mode::Up);
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("a release is under way");
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    quorum.run_for(ms(3000));
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn a_release_after_a_failed_hand_over_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).extend_tries(1).adopt(&token)).expect("good");
    quorum.run_for(ms(3000));
    all(&links, Mode::Hung);
    let guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("hung").into_guard();
    assert!(guard.is_valid());
    drop(guard);
    all(&links, Mode::Cut);
    quorum.run_for(ms(6000));
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    quorum.run_for(Duration::from_secs(300));
    all_wait(&quorum, &token);
    all(&links, Mode::Up);
    quorum.run_for(Duration::from_secs(60));
    all_wait(&quorum, &token);
}

#[test]
fn two_who_have_two_of_four_nodes_each_without_knowing_are_not_both_sent_away() {
    for mode in [Mode::Up, Mode::Deaf] {
        let quorum = Quorum::of(4);
        let ((first, a), (second, b)) = (process(&quorum), process(&quorum));
        warm(&quorum, &first);
        let token = quorum.handed_over();
        let worker =
            |redsync: &Redsync| redsync.mutex(NAME).tries(8).retry_delay(Delay::Between(ms(1), ms(20)));
        let (one, other) = (worker(&first), worker(&second));
        all(&a[..2], mode);
        all(&b[2..], mode);
        all(&a[2..], Mode::Slow);
        all(&b[..2], Mode::Slow);
        let (mut a2, b2) = (a.clone(), b.clone());
        let at = quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(5)));
        quorum.runtime.spawn(Box::pin(async move {
            at.await;
            a2.extend(b2);
            all(&a2, Mode::Up)
        }));
        let (x, y) = quorum.block_on(futures_util::future::join(one.adopt(&token), other.adopt(&token)));
        let adopted = [x, y].map(|adopted| adopted.map(drop).map_err(|error| error.kind()));
        assert!(adopted.iter().any(Result::is_ok), "{mode:?}: {adopted:?}");
    }
}

#[test]
fn a_dropped_hand_over_of_an_adopted_guard_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.adopt(&token)).expect("good");
    quorum.run_for(ms(3000));
    all(&links, Mode::Hung);
    assert!(quorum.block_on(drop_after(1, guard.hand_over(WAIT))).is_none());
    quorum.run_for(ms(6000));
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    // A worker runs the job again, and hands the lock over to a job that follows: a chain.
    quorum.run_for(Duration::from_secs(120));
    all(&links, Mode::Up);
    quorum.run_for(Duration::from_secs(60));
    all_wait(&quorum, &token);
}

/// One node has lost the lock, and another is slow or loses replies.
#[test]
fn a_hand_over_or_a_hand_back_that_is_dropped_anywhere_leaves_nothing_behind() {
    for back in [false, true] {
        for polls in 0..40 {
            for mode in [Mode::Up, Mode::Late(ms(30)), Mode::SlowReply(ms(30)), Mode::Deaf] {
                let quorum = Quorum::build(3, |node| {
                    node.extra_polls(2);
                    node
                });
                let token = quorum.handed_over();
                let (first, links) = process(&quorum);
                let guard = quorum.block_on(first.mutex(NAME).adopt(&token)).expect("good");
                quorum.nodes[1].execute(&["DEL", NAME]).expect("up");
                links[2].set(mode);
                let done = if back {
                    quorum.block_on(drop_after(polls, guard.hand_back(&token))).map(drop)
                } else {
                    quorum.block_on(drop_after(polls, guard.hand_over(WAIT))).map(drop)
                };
                if done.is_some() {
                    continue;
                }
                links[2].set(Mode::Up);
                quorum.run_for(TTL * 2);
                assert_eq!(quorum.keys_left(), 0, "{back} {polls} {mode:?} {:?}", quorum.values());
            }
        }
    }
}

#[test]
fn what_was_lengthened_in_vain_goes_also_after_a_hand_back() {
    for lengthened in [false, true] {
        let quorum = Quorum::of(3);
        let (first, links) = process(&quorum);
        warm(&quorum, &first);
        let token = quorum.handed_over();
        let mut guard = quorum.block_on(first.mutex(NAME).extend_tries(1).adopt(&token)).expect("good");
        if lengthened {
            all(&links, Mode::Deaf);
            guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("no reply").into_guard();
            all(&links, Mode::Up);
        }
        links[2].set(Mode::Cut);
        quorum.block_on(guard.hand_back(&token)).expect("two of three");
        quorum.run_for(ms(20_000));
        links[2].set(Mode::Up);
        quorum.block_on(quorum.adopt(&token).release()).expect("reachable");
        quorum.run_for(ms(60_000));
        assert_eq!(quorum.values(), [None, None, None], "{lengthened}, for {:?}", quorum.nodes[2].ttl(NAME));
    }
}

#[test]
fn a_release_whose_replies_were_lost_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.adopt(&token)).expect("good");
    quorum.run_for(ms(1000));
    all(&links, Mode::Deaf);
    drop(guard);
    quorum.run_for(ms(2));
    assert_eq!(quorum.keys_left(), 0, "released");
    all(&links, Mode::Cut);
    let error = quorum.block_on(quorum.redsync.adopt(&token)).expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::Expired);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all_wait(&quorum, &token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    all_wait(&quorum, &token);
}

#[test]
fn a_second_release_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).release_tries(1).adopt(&token)).expect("good");
    all(&links, Mode::Deaf);
    let error = quorum.block_on(guard.release()).expect_err("no reply");
    eprintln!("{error}");
    all(&links, Mode::Cut);
    drop(error);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    all_wait(&quorum, &token);
}

#[test]
fn an_extension_that_breaks_off_after_the_release_leaves_a_token_that_was_made_good_again() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let mutex = first.mutex(NAME).revive_on_extend(true).extend_tries(1);
    let guard = quorum.block_on(mutex.adopt(&token)).expect("good");
    all(&links, Mode::Hung);
    _ = quorum.block_on(guard.extend()).expect_err("hung");
    all(&links, Mode::Up);
    let released = quorum.block_on(guard.release()).expect("up");
    eprintln!("{released:?}");
    all(&links, Mode::Cut);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all_wait(&quorum, &token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    all_wait(&quorum, &token);
}

#[test]
fn a_release_does_not_send_the_script_with_the_tokens_value_after_the_validity() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.adopt(&token)).expect("good");
    quorum.run_for(ms(3000));
    all(&links, Mode::SlowReply(ms(7000)));
    drop(guard);
    quorum.run_for(ms(1));
    all(&links, Mode::Up);
    quorum.run_for(ms(5500));
    assert_eq!(quorum.keys_left(), 0, "the TTL is over");
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all_wait(&quorum, &token);
    quorum.run_for(ms(5000));
    all_wait(&quorum, &token);
}

#[test]
fn an_extension_that_was_executed_before_a_hand_back_does_not_end_the_token() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let mutex = first.mutex(NAME).revive_on_extend(true).extend_tries(1);
    let guard = quorum.block_on(mutex.adopt(&token)).expect("good");
    quorum.run_for(ms(1000));
    quorum.block_on(guard.extend()).expect("good");
    // The keys are lost, and set anew by an extension that is executed at once, but answered late.
    quorum.nodes.iter().for_each(|node| _ = node.execute(&["DEL", NAME]).expect("up"));
    all(&links, Mode::SlowReply(ms(1000)));
    let error = quorum.block_on(guard.extend()).expect_err("no reply in time");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    all(&links, Mode::Up);
    assert!(guard.is_valid());
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all_wait(&quorum, &token);
    quorum.run_for(ms(3000));
    all_wait(&quorum, &token);
}

#[test]
fn what_sets_back_an_extension_leaves_a_token_that_others_have_made_good_again() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (first, links) = process(&quorum);
    let mutex = first.mutex(NAME).revive_on_extend(true).extend_tries(1);
    let guard = quorum.block_on(mutex.adopt(&token)).expect("good");
    quorum.run_for(ms(1000));
    quorum.block_on(guard.extend()).expect("good");
    quorum.nodes.iter().for_each(|node| _ = node.execute(&["DEL", NAME]).expect("up"));
    all(&links, Mode::SlowReply(ms(1000)));
    _ = quorum.block_on(guard.extend()).expect_err("no reply in time");
    all(&links, Mode::Up);
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    all(&links, Mode::Cut);
    // Another process works, for longer than the first one's validity, and hands back.
    let other = quorum.adopt(&token);
    quorum.run_for(ms(3000));
    quorum.block_on(other.extend()).expect("up");
    quorum.run_for(ms(4000));
    quorum.block_on(other.hand_back(&token)).expect("up");
    all_wait(&quorum, &token);
    all(&links, Mode::Up);
    quorum.run_for(ms(3000));
    all_wait(&quorum, &token);
}

#[test]
fn a_failed_hand_back_of_a_fixed_value_does_not_block_the_lock_for_the_wait() {
    let quorum = Quorum::of(4);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).with_value("job-1138").lock()).expect("free");
    all(&links[2..], Mode::Cut);
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("two of four");
    all(&links, Mode::Up);
    drop(error); // The guard is dropped, which releases it.
    quorum.run_for(TTL * 2);
    eprintln!("{:?} {:?}", quorum.values(), quorum.nodes[0].ttl(NAME));
    let adopted = quorum.block_on(quorum.redsync.adopt(&token)).map(drop).map_err(|error| error.kind());
    let locked = quorum.block_on(quorum.mutex().tries(3).lock()).map(drop).map_err(|error| error.kind());
    assert!(adopted.is_ok() || locked.is_ok(), "adopt: {adopted:?}, lock: {locked:?}");
}

#[test]
fn a_release_after_a_failed_hand_back_of_a_fixed_value_takes_the_tokens_value_along() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let (first, links) = process(&quorum);
    let guard = quorum.block_on(first.mutex(NAME).with_value("job-1138").lock()).expect("free");
    all(&links[1..], Mode::Cut);
    let guard = quorum.block_on(guard.hand_back(&token)).expect_err("one of three").into_guard();
    all(&links, Mode::Up);
    let released = quorum.block_on(guard.release()).map_err(|error| error.kind());
    eprintln!("{released:?}");
    quorum.run_for(TTL * 2);
    assert_eq!(quorum.values(), [None, None, None], "for {:?}", quorum.nodes[0].ttl(NAME));
}

#[test]
fn a_hand_back_of_a_fixed_value_that_asks_nobody_does_not_blame_the_nodes() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let guard = quorum.block_on(quorum.mutex().with_value("job-1138").lock()).expect("free");
    quorum.run_for(ms(7700));
    assert!(guard.is_valid());
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
}

#[test]
fn a_release_after_a_hand_back_without_a_word_does_not_say_that_the_validity_is_over() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let guard =
        quorum.block_on(first.mutex(NAME).with_value("job-1138").release_tries(1).lock()).expect("free");
    all(&links, Mode::Deaf);
    let guard = quorum.block_on(guard.hand_back(&token)).expect_err("no reply").into_guard();
    all(&links, Mode::Up);
    let released = quorum.block_on(guard.release()).expect("nothing to do");
    assert_ne!(released, Released::Expired, "7.9 s of 8 are left, {:?}", quorum.values());
}

#[test]
fn a_hand_back_that_asks_nobody_again_does_not_count_tries() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let mutex = first.mutex(NAME).with_value("job-1138").retry_delay(Delay::Between(ms(1000), ms(1001)));
    let guard = quorum.block_on(mutex.lock()).expect("free");
    let before = links[0].sent();
    all(&links, Mode::Deaf);
    let begun = quorum.runtime.now();
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("no reply");
    let (took, sent) = (quorum.runtime.now().since(begun), links[0].sent() - before);
    assert!(took < ms(1000), "{sent} request, {took:?}: {error}");
}

#[test]
fn a_hand_back_does_not_go_by_what_a_failed_hand_over_has_filled() {
    let quorum = Quorum::of(5);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let guard = quorum.block_on(first.mutex(NAME).extend_tries(1).lock()).expect("free");
    quorum.run_for(ms(1000));
    quorum.nodes[1..].iter().for_each(|node| _ = node.execute(&["DEL", NAME]).expect("up"));
    links[1].set(Mode::Cut);
    links[4].set(Mode::Cut);
    let filling = links[2].clone();
    let at = quorum.runtime.sleep_until(quorum.runtime.now().plus(Duration::from_micros(500)));
    quorum.runtime.spawn(Box::pin(async move {
        at.await;
        filling.set(Mode::Deaf)
    }));
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("two of five have answered");
    eprintln!("{error} {:?}", quorum.values());
    let guard = error.into_guard();
    assert!(guard.is_valid());
    all(&links, Mode::Up);
    let back = quorum.block_on(guard.hand_back(&token)).map_err(|error| error.kind());
    assert!(back.is_err(), "one of five has held it all the time: {:?}", quorum.values());
}

#[test]
fn a_hand_back_of_a_fixed_value_goes_in_one_request() {
    let quorum = Quorum::of(3);
    let (first, links) = process(&quorum);
    warm(&quorum, &first);
    let token = quorum.handed_over();
    quorum.run_for(WAIT + TTL);
    let guard = quorum.block_on(first.mutex(NAME).with_value("job-1138").lock()).expect("free");
    quorum.run_for(ms(10));
    quorum.nodes.iter().for_each(|node| node.flush_scripts());
    let before = links[0].sent();
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    assert_eq!(links[0].sent() - before, 1);
}
