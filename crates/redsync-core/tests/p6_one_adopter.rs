//! P6: a lock that is handed over is adopted by one at a time, and the token is good again where that fails.
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
    link::{Mode, all, process},
    ms,
};
use futures_util::future::{join, join_all};
use redsync_core::{Delay, ErrorKind, LockToken, Released, Runtime};
use redsync_testkit::{
    cancel::drop_after,
    memory::{ErrorReply, Loss, MemoryNode},
};

/// Three servers that need no script's text any more.
fn with_known_scripts() -> Quorum {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.block_on(quorum.adopt(&token).release()).expect("reachable");
    quorum.settle();
    quorum
}

#[test]
fn a_lock_travels() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    assert_eq!((token.name(), token.ttl(), token.nodes()), (NAME, TTL, 3));
    assert!(quorum.values().iter().all(|value| value.as_deref() == Some(token.value())));
    quorum.run_for(WAIT);
    let worker = quorum.other_process();
    let guard = quorum.block_on(worker.adopt(&token)).expect("still good");
    assert!(guard.is_valid() && guard.valid_for() < TTL);
    assert_ne!(guard.value(), token.value());
    quorum.block_on(guard.extend()).expect("held");
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    quorum.block_on(worker.settled());
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn of_two_deliveries_one_is_adopted_also_on_a_bare_quorum() {
    for bare in [false, true] {
        for seed in 0..100 {
            let quorum = Quorum::of(3);
            let token = quorum.handed_over();
            if bare {
                quorum.nodes[seed % 3].wipe();
            }
            quorum.nodes.iter().for_each(|node| node.jitter(ms(3)));
            let (a, b) = (quorum.other_process(), quorum.other_process());
            let (a, b) = quorum.block_on(join(a.adopt(&token), b.adopt(&token)));
            let [held, refused] = if a.is_ok() { [a, b] } else { [b, a] };
            let guard = held.expect("one of them");
            assert_eq!(refused.expect_err("one only").kind(), ErrorKind::AlreadyAdopted, "{bare} {seed}");
            assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
            quorum.run_for(Duration::from_secs(2));
            assert_eq!(quorum.keys_left(), 0, "{bare} {seed}");
        }
    }
}

/// Answers take longer than the pauses between tries, so that the next try begins before the last one is set back.
#[test]
fn who_was_late_is_told_so_also_where_answers_are_slow() {
    for seed in 0..100 {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        quorum.nodes[seed % 3].stop();
        for node in &quorum.nodes {
            node.delay_replies(ms(20 + seed as u64));
            node.jitter(ms(10));
        }
        let worker = || quorum.other_process().mutex(NAME).tries(8).retry_delay(Delay::Between(ms(1), ms(6)));
        let (a, b) = quorum.block_on(join(worker().adopt(&token), worker().adopt(&token)));
        for refused in [a, b].into_iter().filter_map(Result::err) {
            assert_eq!(refused.kind(), ErrorKind::AlreadyAdopted, "{refused} with seed {seed}");
        }
    }
}

#[test]
fn a_token_that_could_not_be_adopted_is_as_good_as_before() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let before = quorum.nodes[0].ttl(NAME).expect("a TTL");
    quorum.nodes[0].pause();
    quorum.nodes[1].lose_replies(Loss::Broken);
    let error = quorum.block_on(quorum.redsync.mutex(NAME).tries(2).adopt(&token)).expect_err("no quorum");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    quorum.nodes[0].resume();
    quorum.nodes[1].lose_replies(Loss::Never);
    quorum.settle();
    assert!(
        quorum.values().iter().all(|value| value.as_deref() == Some(token.value())),
        "{:?}",
        quorum.values()
    );
    for node in &quorum.nodes {
        let left = node.ttl(NAME).expect("a TTL");
        assert!(left <= before && left > before - Duration::from_secs(5), "{left:?} of {before:?}");
    }
    drop(quorum.adopt(&token));
}

/// By the first round, of whose replies none arrives, the nodes hold the new value. What the second comes to is known only
/// after the call has given up, and says nothing of the first.
#[test]
fn a_round_that_fails_late_does_not_hide_what_an_earlier_one_has_done() {
    let quorum = with_known_scripts();
    let token = quorum.handed_over();
    quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Broken));
    let mutex = quorum.redsync.mutex(NAME).tries(2).retry_delay(ms(10)).node_timeout(ms(100));
    let mutex = mutex.deadline(ms(60));
    let call = async {
        let error = mutex.adopt(&token).await.expect_err("no reply");
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        wait(&quorum, 20).await;
        for node in &quorum.nodes {
            assert_eq!(
                node.held().len(),
                1,
                "nothing else is on its way while the second round is not answered"
            );
            node.lose_replies(Loss::Never);
            node.refuse_all(ErrorReply::new("LOADING", "Redis is loading the dataset in memory"));
            node.resume();
        }
        wait(&quorum, 1).await;
        quorum.nodes.iter().for_each(MemoryNode::refuse_none);
    };
    let between_the_rounds = async {
        wait(&quorum, 5).await;
        assert!(quorum.values().iter().all(|value| value.as_deref() != Some(token.value())), "rotated");
        quorum.nodes.iter().for_each(MemoryNode::pause);
    };
    quorum.block_on(join(call, between_the_rounds));
    quorum.settle();
    let at_last = quorum.values();
    assert!(at_last.iter().all(|value| value.as_deref() == Some(token.value())), "{at_last:?}");
    drop(quorum.adopt(&token));
}

#[test]
fn an_adoption_that_is_dropped_anywhere_leaves_the_token_good() {
    for polls in 0..40 {
        let quorum = Quorum::build(3, |node| {
            node.extra_polls(2);
            node
        });
        let token = quorum.handed_over();
        let adopted = quorum.block_on(drop_after(polls, quorum.redsync.adopt(&token)));
        if let Some(guard) = adopted {
            assert!(polls > 2, "it takes a round trip");
            drop(guard.expect("free"));
            return;
        }
        quorum.settle();
        assert!(quorum.values().iter().all(|value| value.as_deref() == Some(token.value())), "{polls}");
        drop(quorum.adopt(&token));
    }
    panic!("never came to its end");
}

#[test]
fn an_adoption_that_is_dropped_before_any_answer_does_not_lengthen_the_wait() {
    // The last node hangs, so that nothing tells for how long the token would have been good there.
    for hung in [false, true] {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        quorum.run_for(WAIT / 2);
        if hung {
            quorum.nodes[2].pause();
        }
        assert!(quorum.block_on(drop_after(1, quorum.redsync.adopt(&token))).is_none());
        quorum.run_for(TTL / 2);
        quorum.nodes[2].resume();
        quorum.settle();
        assert!(quorum.values().iter().all(|value| value.as_deref() == Some(token.value())));
        for node in &quorum.nodes {
            let left = node.ttl(NAME).expect("a TTL");
            assert!(left <= WAIT / 2 + TTL && left > WAIT / 2 - TTL, "{left:?}, {hung}");
        }
        drop(quorum.adopt(&token));
    }
}

#[test]
fn a_lock_that_is_handed_back_can_be_adopted_again() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    for _ in 0..3 {
        let guard = quorum.adopt(&token);
        let rival = quorum.block_on(quorum.redsync.adopt(&token)).expect_err("adopted");
        assert_eq!(rival.kind(), ErrorKind::AlreadyAdopted, "{rival}");
        quorum.block_on(guard.hand_back(&token)).expect("reachable");
        assert!(quorum.nodes.iter().all(|node| node.ttl(NAME) > Some(WAIT)), "as long as at first");
    }
    assert_eq!(quorum.block_on(quorum.adopt(&token).release()).expect("reachable"), Released::Held);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn what_a_token_cannot_have_any_more_is_told_apart() {
    type Change = fn(&Quorum, &LockToken);
    let cases: [(Change, ErrorKind); 4] = [
        (|quorum, _| quorum.run_for(WAIT + TTL), ErrorKind::Expired),
        (
            |quorum, _| quorum.nodes.iter().for_each(|node| node.set(NAME, "a rival's", None)),
            ErrorKind::Taken,
        ),
        (|quorum, token| quorum.adopt(token).leave(), ErrorKind::AlreadyAdopted),
        (|quorum, _| quorum.nodes.iter().for_each(|node| node.stop()), ErrorKind::Unreachable),
    ];
    for (change, expected) in cases {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        change(&quorum, &token);
        let error = quorum.block_on(quorum.redsync.adopt(&token)).expect_err("gone");
        assert_eq!(error.kind(), expected, "{error}");
    }
}

#[test]
fn a_token_that_is_used_up_is_told_at_once_though_a_node_hangs() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let guard = quorum.adopt(&token);
    quorum.settle();
    quorum.nodes[2].pause();
    for expected in [ErrorKind::AlreadyAdopted, ErrorKind::Expired] {
        let begun = quorum.runtime.now();
        let error = quorum.block_on(quorum.redsync.adopt(&token)).expect_err("used up");
        assert_eq!((error.kind(), quorum.runtime.now().since(begun)), (expected, ms(1)), "{error}");
        for node in &quorum.nodes[..2] {
            node.execute(&["DEL", NAME]).expect("a command");
        }
    }
    guard.leave();
}

#[test]
fn what_is_not_set_back_yet_is_no_rival() {
    let quorum = with_known_scripts();
    let token = quorum.handed_over();
    quorum.nodes[2].stop();
    // Somebody else shares the two nodes with us, and gives up.
    let (lineage, rivals) = (token.value().split_at(16).0, "0123456789abcdef");
    quorum.nodes[1].set(NAME, &format!("{lineage}{rivals}"), Some(WAIT));
    let mutex = quorum.redsync.mutex(NAME).ttl(TTL).tries(5).retry_delay(ms(10));
    let rival = async {
        // What we set back is slower than what we ask next.
        quorum.nodes[0].delay_requests(ms(15));
        wait(&quorum, 5).await;
        quorum.nodes[0].delay_requests(Duration::ZERO);
        wait(&quorum, 10).await;
        quorum.nodes[1].set(NAME, token.value(), Some(WAIT));
    };
    quorum.nodes[1].delay_replies(ms(2));
    let (adopted, ()) = quorum.block_on(join(mutex.adopt(&token), rival));
    assert!(adopted.expect("nobody else has it").is_valid());
}

async fn wait(quorum: &Quorum, millis: u64) {
    quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(millis))).await;
}

#[test]
fn a_release_removes_what_it_was_adopted_from_as_well() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.nodes[2].stop();
    let guard = quorum.adopt(&token);
    quorum.settle();
    quorum.nodes[2].start();
    assert_eq!(quorum.values()[2].as_deref(), Some(token.value()));
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

/// Somebody else has rotated one node, and sets the token's value back there when the lock was released.
#[test]
fn what_another_adopter_sets_back_late_goes_with_the_lock() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let rival = format!("{}{:016x}", &token.value()[..16], 7);
    quorum.nodes[2].set(NAME, &rival, Some(TTL));
    let guard = quorum.adopt(&token);
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    assert_eq!(quorum.values()[2].as_deref(), Some(rival.as_str()), "it is not ours to delete");
    quorum.nodes[2].set(NAME, token.value(), Some(WAIT));
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn what_a_rival_sets_back_after_the_release_goes_as_well() {
    for gives_up in [true, false] {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        let rivals = format!("{}{:016x}", &token.value()[..16], 7);
        quorum.nodes[2].set(NAME, &rivals, Some(2 * TTL));
        let guard = quorum.adopt(&token);
        assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
        quorum.run_for(ms(500));
        assert_eq!(quorum.values()[2].as_deref(), Some(&*rivals), "that is not ours");
        if gives_up {
            quorum.nodes[2].set(NAME, token.value(), Some(WAIT));
        }
        let before = quorum.runtime.now();
        quorum.settle();
        assert_eq!(quorum.keys_left(), usize::from(!gives_up));
        assert!(quorum.runtime.now().since(before) <= TTL, "no longer than a rival can be about to");
    }
}

#[test]
fn an_extension_that_comes_after_the_lock_was_handed_back_leaves_the_token_good() {
    // What stands at the slow node when it takes in the extension, and what does in the end.
    for (stands, is_good) in [(true, true), (false, false)] {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        let mutex = quorum.redsync.mutex(NAME).revive_on_extend(true);
        // The servers get to know the scripts.
        let guard = quorum.block_on(mutex.adopt(&token)).expect("the only one");
        quorum.block_on(guard.extend()).expect("held");
        quorum.block_on(guard.hand_back(&token)).expect("reachable");
        let guard = quorum.block_on(mutex.adopt(&token)).expect("good again");
        quorum.settle();
        quorum.nodes[2].pause();
        quorum.block_on(guard.extend()).expect("held");
        quorum.block_on(guard.hand_back(&token)).expect("reachable");
        if !stands {
            quorum.nodes[2].wipe();
        }
        // What waits there is executed in the other order.
        quorum.nodes[2].held().into_iter().rev().for_each(|held| held.reply());
        quorum.nodes[2].resume();
        quorum.settle();
        let at_last = quorum.values();
        assert_eq!(at_last[2].as_deref(), is_good.then(|| token.value()), "{at_last:?}");
        let left = quorum.nodes[2].ttl(NAME);
        assert!(left.is_none_or(|left| left > WAIT - ms(2000)), "{left:?}");
        drop(quorum.adopt(&token));
    }
}

#[test]
fn a_late_grant_goes_with_the_lock() {
    // A node that stands still takes the rotation in when the lock was given back long since.
    for hands_back in [false, true] {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        quorum.nodes[2].pause();
        let guard = quorum.adopt(&token);
        match hands_back {
            true => quorum.block_on(guard.hand_back(&token)).expect("reachable"),
            false => drop(quorum.block_on(guard.release()).expect("reachable")),
        }
        // What waits there is executed in the other order.
        quorum.nodes[2].held().into_iter().rev().for_each(|held| held.reply());
        quorum.nodes[2].resume();
        quorum.settle();
        let expected = hands_back.then(|| token.value());
        assert!(quorum.values().iter().all(|value| value.as_deref() == expected), "{:?}", quorum.values());
    }
}

#[test]
fn a_guard_that_could_not_be_handed_back_is_not_valid_and_can_be_released() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let guard = quorum.adopt(&token);
    quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Broken));
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("no replies");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Never));
    let guard = error.into_guard();
    assert!(!guard.is_valid());
    quorum.block_on(guard.release()).expect("reachable");
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0, "neither value stands anywhere");
}

#[test]
fn a_node_that_refused_the_hand_back_gets_it_when_it_goes_on() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let guard = quorum.adopt(&token);
    quorum.settle();
    quorum.nodes[2].refuse_all(ErrorReply::new("LOADING", "Redis is loading the dataset in memory"));
    quorum.block_on(guard.hand_back(&token)).expect("a quorum");
    quorum.run_for(ms(500));
    quorum.nodes[2].refuse_none();
    quorum.settle();
    assert!(quorum.values().iter().all(|value| value.as_deref() == Some(token.value())));
    assert!(quorum.nodes.iter().all(|node| node.ttl(NAME) > Some(WAIT)), "as long as at first");
}

#[test]
fn a_guard_that_could_not_be_handed_back_can_be_handed_back_later() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let guard = quorum.adopt(&token);
    quorum.nodes.iter().for_each(|node| node.stop());
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("down");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    quorum.nodes.iter().for_each(|node| node.start());
    quorum.block_on(error.into_guard().hand_back(&token)).expect("reachable");
    drop(quorum.adopt(&token));
}

#[test]
fn who_comes_after_his_validity_leaves_a_token_that_waits() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let (adopter, late) = (quorum.adopt(&token), |quorum: &Quorum| quorum.run_for(2 * TTL));
    late(&quorum);
    // Nobody has had the lock any more, and who has taken it anew gives it back to the token.
    let taken = quorum.block_on(quorum.mutex().lock()).expect("free");
    late(&quorum);
    let anew = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.block_on(anew.hand_back(&token)).expect("reachable");
    drop(adopter);
    quorum.settle();
    let error = quorum.block_on(taken.hand_back(&token)).expect_err("over");
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    drop(error);
    quorum.settle();
    assert!(
        quorum.values().iter().all(|value| value.as_deref() == Some(token.value())),
        "{:?}",
        quorum.values()
    );
}

#[test]
fn who_adopts_what_was_handed_back_without_a_word_has_it_to_himself() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let guard = quorum.adopt(&token);
    quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Broken));
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("no replies");
    quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Never));
    // It has gone back, and somebody else has it by now.
    let other = quorum.adopt(&token);
    drop(quorum.block_on(error.into_guard().release()));
    quorum.block_on(other.hand_back(&token)).expect("held");
    quorum.settle();
    assert!(
        quorum.values().iter().all(|value| value.as_deref() == Some(token.value())),
        "{:?}",
        quorum.values()
    );
}

#[test]
fn what_may_have_been_handed_back_is_not_called_gone() {
    for exact in [false, true] {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        quorum.block_on(quorum.adopt(&token).release()).expect("reachable");
        quorum.settle();
        let mutex = if exact { quorum.mutex().with_value("job-1138") } else { quorum.mutex() };
        let guard = quorum.block_on(mutex.lock()).expect("free");
        quorum.settle();
        quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Broken));
        let error = quorum.block_on(guard.hand_back(&token)).expect_err("no replies");
        quorum.nodes.iter().for_each(|node| node.lose_replies(Loss::Never));
        let released = quorum.block_on(error.into_guard().release()).expect("reachable");
        assert_eq!(released, Released::Unclear, "exact: {exact}");
        quorum.settle();
        assert_eq!(quorum.keys_left(), 0, "exact: {exact}");
    }
}

#[test]
fn a_token_is_for_its_lock_its_nodes_and_its_guard() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let other = quorum.block_on(quorum.redsync.mutex("other").adopt(&token)).expect_err("another lock");
    assert_eq!(other.kind(), ErrorKind::InvalidOption, "{other}");
    let five = Quorum::of(5);
    let other = five.block_on(five.redsync.adopt(&token)).expect_err("other nodes");
    assert_eq!(other.kind(), ErrorKind::InvalidOption, "{other}");
    let guard = quorum.adopt(&token);
    let second = quorum.block_on(guard.hand_over(WAIT)).expect("reachable");
    let guard = quorum.adopt(&second);
    let error = quorum.block_on(guard.hand_back(&token)).expect_err("not where it came from");
    assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
    assert!(error.into_guard().is_valid());
}

#[test]
fn a_fixed_value_is_handed_over_and_rotated_to_a_generated_one() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().with_value("job-1138").lock()).expect("free");
    quorum.settle();
    let token = quorum.block_on(guard.hand_over(WAIT)).expect("reachable");
    assert_eq!(token.value(), "job-1138");
    let guard = quorum.adopt(&token);
    assert_ne!(guard.value(), "job-1138");
    let rival = quorum.block_on(quorum.redsync.adopt(&token)).expect_err("adopted");
    assert_eq!(rival.kind(), ErrorKind::AlreadyAdopted, "{rival}");
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    let resumed = quorum.redsync.resume(NAME, "job-1138");
    quorum.block_on(resumed.extend()).expect("held under it again");
    assert_eq!(quorum.block_on(resumed.release()).expect("reachable"), Released::Held);
}

#[test]
fn nothing_prints_the_value() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    let resumed = quorum.redsync.resume(NAME, token.value());
    let shown = format!("{token:?} {resumed:?} {:?}", quorum.adopt(&token));
    assert!(!shown.contains(token.value()), "{shown}");
}

#[test]
fn who_waits_to_adopt_is_told_of_the_shutdown() {
    let quorum = Quorum::of(3);
    let token = quorum.handed_over();
    quorum.nodes.iter().for_each(MemoryNode::pause);
    let client = quorum.other_process();
    let (adopted, ()) = quorum.block_on(join(client.adopt(&token), async {
        quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(100))).await;
        quorum.nodes.iter().for_each(MemoryNode::resume);
        client.shutdown().await;
    }));
    assert_eq!(adopted.expect_err("shut down").kind(), ErrorKind::Cancelled);
    quorum.block_on(client.settled());
    assert!(quorum.values().iter().all(|value| value.as_deref() == Some(token.value())), "set back");
    let error = quorum.block_on(client.adopt(&token)).expect_err("shut down");
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    drop(quorum.adopt(&token));
}

#[test]
fn a_token_travels_as_a_text() {
    let quorum = Quorum::of(3);
    let text = quorum.handed_over().to_compact();
    let token = LockToken::from_compact(&text).expect("whole");
    let guard = quorum.adopt(&token);
    quorum.block_on(guard.hand_back(&token)).expect("reachable");
    drop(quorum.adopt(&LockToken::from_compact(&text).expect("the same again")));
}

#[test]
fn a_hung_node_does_not_keep_two_who_share_the_others_apart() {
    for seed in 0..50 {
        let quorum = Quorum::of(3);
        let token = quorum.handed_over();
        quorum.nodes[seed % 3].pause();
        quorum.nodes.iter().for_each(|node| node.jitter(ms(3)));
        let (a, b) = (quorum.other_process(), quorum.other_process());
        let begun = quorum.runtime.now();
        let (a, b) = quorum.block_on(join(a.adopt(&token), b.adopt(&token)));
        let took = quorum.runtime.now().since(begun);
        assert!(a.is_ok() != b.is_ok(), "{seed}: {a:?} {b:?}");
        assert!(took < Duration::from_secs(3), "{seed}: {took:?}");
    }
}

#[test]
fn a_guard_that_has_expired_does_not_touch_the_token_of_who_came_after_it() {
    let quorum = Quorum::of(3);
    let stale = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.run_for(TTL);
    let token = quorum.handed_over();
    let error = quorum.block_on(stale.hand_back(&token)).expect_err("over");
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    drop(error);
    quorum.settle();
    assert!(
        quorum.values().iter().all(|value| value.as_deref() == Some(token.value())),
        "{:?}",
        quorum.values()
    );
}

#[test]
fn three_deliveries_that_have_a_node_each_are_not_all_sent_away() {
    let quorum = Quorum::of(3);
    let processes = [(); 3].map(|()| process(&quorum));
    let token = quorum.handed_over();
    for (quick, (_, links)) in processes.iter().enumerate() {
        all(links, Mode::Late(ms(5)));
        links[quick].set(Mode::Up);
    }
    let adopted = quorum.block_on(join_all(processes.iter().map(|(redsync, _)| redsync.adopt(&token))));
    assert_eq!(adopted.iter().filter(|adopted| adopted.is_ok()).count(), 1, "{adopted:?}");
}
