//! P6 and P2: how a lock becomes a token, and what is left of it where that fails or ends.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use std::time::Duration;

use common::{NAME, Quorum, TTL, WAIT, ms};
use redsync_core::{Delivery, ErrorKind, Guard, Loss, Mutex, Redsync, Runtime};
use redsync_testkit::{cancel::drop_after, memory};

/// A guard whose lock stands nowhere any more.
fn ended_by_somebody(quorum: &Quorum, mutex: &Mutex) -> Guard {
    let guard = quorum.block_on(mutex.lock()).expect("free");
    quorum.settle();
    quorum.block_on(quorum.other_process().resume(NAME, guard.value()).release()).expect("reachable");
    quorum.run_for(ms(50));
    assert_eq!(quorum.keys_left(), 0);
    guard
}

/// The quorum's nodes are out of reach for longer than the TTL of a lock that is held.
fn away_for_longer_than_the_ttl(quorum: &Quorum, nodes: &[usize]) {
    nodes.iter().for_each(|node| quorum.nodes[*node].stop());
    quorum.run_for(TTL + ms(1000));
    nodes.iter().for_each(|node| quorum.nodes[*node].start());
    // Nobody has to wait for it.
    quorum.settle();
    quorum.run_for(TTL);
}

#[test]
fn nodes_that_missed_the_lock_get_it_when_it_is_handed_over() {
    let quorum = Quorum::of(3);
    quorum.nodes[2].set(NAME, "a rival's", Some(ms(50)));
    let guard = quorum.block_on(quorum.mutex().lock()).expect("two are free");
    quorum.run_for(ms(60));
    assert_eq!(quorum.values()[2], None);
    let token = quorum.block_on(guard.hand_over(WAIT)).expect("reachable");
    assert!(quorum.values().iter().all(|value| value.as_deref() == Some(token.value())));
    assert!(quorum.nodes.iter().all(|node| node.ttl(NAME) > Some(WAIT)));
}

#[test]
fn a_failed_hand_over_gives_the_guard_back_and_a_dropped_one_releases() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let error = quorum.block_on(guard.hand_over(Duration::ZERO)).expect_err("no wait");
    assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
    quorum.nodes.iter().for_each(|node| node.stop());
    let error = quorum.block_on(error.into_guard().hand_over(WAIT)).expect_err("down");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let guard = error.into_guard();
    assert!(guard.is_valid());
    quorum.nodes.iter().for_each(|node| node.start());
    assert!(quorum.block_on(drop_after(1, guard.hand_over(WAIT))).is_none());
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn a_node_that_hangs_does_not_outlast_the_validity_of_what_is_handed_over() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.run_for(guard.valid_for() - ms(50));
    quorum.nodes[2].pause();
    let token = quorum.block_on(guard.hand_over(WAIT)).expect("a quorum has answered in time");
    drop(quorum.adopt(&token));
}

#[test]
fn a_lock_whose_token_could_not_be_sent_stays_with_its_guard() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().with_value("long".repeat(2000)).lock()).expect("free");
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
    assert!(error.into_guard().is_valid());
}

#[test]
fn a_lock_that_somebody_ended_is_not_brought_back_by_a_hand_over() {
    let quorum = Quorum::of(3);
    let guard = ended_by_somebody(&quorum, &quorum.mutex());
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("no node has it");
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    assert!(error.to_string().contains("hand over"), "{error}");
    let guard = error.into_guard();
    assert!(!guard.is_valid());
    assert_eq!(quorum.keys_left(), 0);
}

/// The answers to an extension in the background come while the lock is handed over.
#[test]
fn a_lock_is_never_both_told_to_be_gone_and_handed_over() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().auto_extend(true).lock()).expect("free");
    let lost = guard.lost();
    quorum.block_on(quorum.redsync.resume(NAME, guard.value()).release()).expect("reachable");
    quorum.settle();
    quorum.nodes.iter().for_each(|node| node.delay_replies(ms(100)));
    quorum.run_for(TTL / 3 + ms(40));
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("no node has it");
    assert_eq!((error.kind(), quorum.block_on(lost)), (ErrorKind::Lost, Loss::Gone), "{error}");
}

#[test]
fn what_was_lengthened_in_vain_is_removed_whenever_the_nodes_come_back() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().extend_tries(1).release_tries(1).lock()).expect("free");
    quorum.settle();
    quorum.nodes[..2].iter().for_each(|node| node.lose_replies(memory::Loss::Broken));
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("no quorum has answered");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    quorum.nodes[..2].iter().for_each(|node| node.lose_replies(memory::Loss::Never));
    quorum.nodes[..2].iter().for_each(|node| node.stop());
    drop(error);
    away_for_longer_than_the_ttl(&quorum, &[0, 1]);
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn what_a_node_has_that_missed_the_adoption_is_removed_whenever_it_comes_back() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.nodes[2].stop();
    quorum.block_on(quorum.adopt(&token).release()).expect("reachable");
    away_for_longer_than_the_ttl(&quorum, &[2]);
    assert_eq!(quorum.keys_left(), 0);
}

/// Otherwise the lock would hang on the nodes that were in reach when it was adopted.
#[test]
fn renewal_takes_in_a_node_that_missed_the_adoption() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.nodes[2].stop();
    let guard = quorum.adopt(&token);
    quorum.nodes[2].start();
    let pause = || quorum.runtime.sleep_until(quorum.runtime.now().plus(TTL * 2));
    let work = async {
        pause().await;
        quorum.nodes[1].stop();
        pause().await;
    };
    quorum.block_on(guard.keep(work)).expect("two of three nodes were up all the time");
    assert_eq!(quorum.values()[2].as_deref(), Some(guard.value()));
}

#[test]
fn a_lock_does_not_go_back_to_a_token_of_other_nodes() {
    let (three, one) = (Quorum::of(3), Quorum::of(1));
    let token = three.handed_over();
    let guard = one.block_on(one.mutex().lock()).expect("free");
    let error = one.block_on(guard.hand_back(&token)).expect_err("nobody could adopt it there");
    assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
    assert!(error.into_guard().is_valid());
}

/// The second try finds what the first one would have set, and nobody has heard of.
#[test]
fn lost_replies_do_not_make_a_lost_lock_look_held() {
    for tries in 1..=3 {
        let quorum = Quorum::of(3);
        let guard = ended_by_somebody(&quorum, &quorum.mutex().extend_tries(tries));
        quorum.nodes[..2].iter().for_each(|node| node.lose_replies(memory::Loss::Broken));
        let (nodes, heals) = (quorum.nodes.clone(), quorum.runtime.now().plus(ms(20)));
        let heals = quorum.runtime.sleep_until(heals);
        quorum.runtime.spawn(Box::pin(async move {
            heals.await;
            nodes.iter().for_each(|node| node.lose_replies(memory::Loss::Never));
        }));
        let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("no node has it");
        quorum.run_for(ms(50));
        if error.kind() != ErrorKind::Lost {
            let error = quorum.block_on(error.into_guard().hand_over(WAIT)).expect_err("no node has it");
            assert_eq!(error.kind(), ErrorKind::Lost, "{tries}: {error}");
        }
    }
}

#[test]
fn a_hand_over_that_failed_does_not_make_a_lost_lock_look_held() {
    for extends in [false, true] {
        let quorum = Quorum::of(3);
        let guard = ended_by_somebody(&quorum, &quorum.mutex().extend_tries(1));
        quorum.nodes[1..].iter().for_each(|node| node.stop());
        let guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("two are down").into_guard();
        quorum.nodes[1].start();
        if extends {
            let error = quorum.block_on(guard.extend()).expect_err("no node has it");
            assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
        } else {
            let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("no node has it");
            assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
        }
    }
}

#[test]
fn requests_that_are_sent_twice_do_not_make_a_lost_lock_look_held() {
    let quorum = Quorum::build(3, |node| node.delivering(Delivery::MayRepeat));
    let guard = ended_by_somebody(&quorum, &quorum.mutex());
    quorum.nodes.iter().for_each(|node| node.repeat_requests(true));
    let error = quorum.block_on(guard.hand_over(WAIT)).expect_err("no node has it");
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
}

#[test]
fn renewal_does_not_carry_on_a_lost_lock_after_a_hand_over_that_failed() {
    let quorum = Quorum::of(3);
    let guard = ended_by_somebody(&quorum, &quorum.mutex().auto_extend(true).extend_tries(1));
    quorum.nodes[..2].iter().for_each(|node| node.lose_replies(memory::Loss::Broken));
    let guard = quorum.block_on(guard.hand_over(WAIT)).expect_err("no quorum has answered").into_guard();
    quorum.nodes[..2].iter().for_each(|node| node.lose_replies(memory::Loss::Never));
    let work = quorum.runtime.sleep_until(quorum.runtime.now().plus(TTL * 4));
    assert!(quorum.block_on(guard.keep(work)).is_err());
}

/// Three of five hold it, so that no rival can have had four.
#[test]
fn with_a_raised_quorum_a_lock_outlives_a_node_that_came_back_empty() {
    let quorum = Quorum::of(5);
    let redsync = Redsync::builder(quorum.runtime.shared()).nodes(quorum.nodes.iter().cloned()).quorum(4);
    let redsync = redsync.build().expect("four of five");
    quorum.nodes[4].stop();
    let guard = quorum.block_on(redsync.mutex(NAME).lock()).expect("four are up");
    quorum.nodes[4].start();
    quorum.nodes[3].wipe();
    let token = quorum.block_on(guard.hand_over(WAIT)).expect("held");
    assert!(quorum.values().iter().all(|value| value.as_deref() == Some(token.value())));
}

/// How long the clean-up goes on with one node down.
fn settles_within(quorum: &Quorum) -> Duration {
    quorum.nodes[2].stop();
    let begun = quorum.runtime.now();
    quorum.settle();
    quorum.runtime.now().since(begun)
}

#[test]
fn clean_up_lasts_for_the_wait_only_where_something_may_stand_for_so_long() {
    // Adopted everywhere.
    let quorum = Quorum::of(3);
    let guard = quorum.adopt(&quorum.handed_over());
    quorum.settle();
    quorum.nodes[2].stop();
    quorum.block_on(guard.release()).expect("two are up");
    assert!(settles_within(&quorum) <= TTL + ms(1000));

    // Too late to be handed over: nothing was sent.
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.run_for(TTL);
    quorum.nodes[2].stop();
    drop(quorum.block_on(guard.hand_over(WAIT)).expect_err("over"));
    assert!(settles_within(&quorum) <= TTL + ms(1000));

    // Nobody was in reach.
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.nodes.iter().for_each(|node| node.stop());
    drop(quorum.block_on(guard.hand_over(WAIT)).expect_err("down"));
    quorum.nodes.iter().for_each(|node| node.start());
    assert!(settles_within(&quorum) <= TTL + ms(1000));

    // Adopted while one node was down, which may have the token's value for as long as that was to wait.
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.nodes[2].stop();
    quorum.block_on(quorum.adopt(&token).release()).expect("two are up");
    let begun = quorum.runtime.now();
    assert!(settles_within(&quorum) <= TTL + ms(1000), "nobody has to wait for it");
    quorum.runtime.run_until_idle(WAIT * 2);
    let took = quorum.runtime.now().since(begun);
    assert!((WAIT - TTL..WAIT + TTL).contains(&took), "{took:?}");
}
