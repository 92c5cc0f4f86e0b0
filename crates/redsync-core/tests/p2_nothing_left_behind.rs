//! P2: what an acquire set in vain is removed, whoever stopped waiting for it and whenever its replies come.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use common::{NAME, Quorum, TTL, ms};
use redsync_testkit::cancel::drop_after;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use redsync_core::{BoxFuture, Delay, Delivery, ErrorKind, Mutex, Node, NodeError, Redsync, Reply, Request};
use redsync_testkit::{
    memory::{Held, Loss, MemoryNode},
    virtual_time::VirtualRuntime,
};

/// How a quorum is troubled while an acquire is dropped.
struct Trouble {
    name: &'static str,
    paused: usize,
    rival_at: usize,
    reply_loss: Loss,
}

const TROUBLES: [Trouble; 5] = [
    Trouble { name: "none", paused: 0, rival_at: 0, reply_loss: Loss::Never },
    Trouble { name: "a minority is paused", paused: 1, rival_at: 0, reply_loss: Loss::Never },
    Trouble { name: "a majority is paused", paused: 3, rival_at: 0, reply_loss: Loss::Never },
    Trouble { name: "a rival holds a majority", paused: 0, rival_at: 3, reply_loss: Loss::Never },
    Trouble { name: "replies are lost", paused: 0, rival_at: 0, reply_loss: Loss::Broken },
];

#[test]
fn a_lock_future_dropped_at_any_await_point_leaves_no_key() {
    for nodes in [1, 3, 5] {
        let mut points = 0;
        for trouble in &TROUBLES {
            for exact in [false, true] {
                points += drop_everywhere(nodes, trouble, exact);
            }
        }
        assert!(points >= 20, "{points} await points with {nodes} nodes");
    }
}

/// Drops an acquire after one poll, two polls and so on until it comes to its end; returns how many there were.
fn drop_everywhere(nodes: usize, trouble: &Trouble, exact: bool) -> usize {
    for polls in 0..500 {
        let quorum = Quorum::of(nodes);
        quorum.nodes.iter().for_each(|node| node.extra_polls(3));
        quorum.nodes.iter().take(trouble.paused).for_each(|node| node.pause());
        quorum
            .nodes
            .iter()
            .rev()
            .take(trouble.rival_at)
            .for_each(|node| node.set(NAME, "a rival's", Some(TTL)));
        quorum.nodes.iter().for_each(|node| node.lose_replies(trouble.reply_loss));
        let mutex = quorum.mutex().tries(3);
        let mutex = if exact { mutex.with_value("ours") } else { mutex };
        let finished = quorum.block_on(drop_after(polls, mutex.lock()));
        let ended = finished.is_some();
        drop(finished);
        quorum.run_for(ms(100));
        quorum.nodes.iter().for_each(|node| {
            node.resume();
            node.lose_replies(Loss::Never);
        });
        let keys_of_lost_replies = exact && trouble.reply_loss != Loss::Never;
        if keys_of_lost_replies {
            // A rival could use the same value, so without a proof of the grant only the TTL may remove it.
            quorum.run_for(TTL + ms(1));
        } else {
            quorum.run_for(ms(1500));
        }
        let rivals = trouble.rival_at.min(nodes);
        let left = quorum.values().into_iter().flatten().filter(|value| value != "a rival's").count();
        let context = format!("{nodes} nodes, {}, exact: {exact}, dropped after {polls} polls", trouble.name);
        assert_eq!(left, 0, "{context}");
        if !keys_of_lost_replies {
            assert_eq!(quorum.keys_left(), rivals, "{context}");
        }
        if ended {
            return polls;
        }
    }
    panic!("no end after 500 polls");
}

#[test]
fn a_minority_that_granted_is_cleaned() {
    let quorum = Quorum::of(5);
    quorum.nodes.iter().take(3).for_each(|node| node.set(NAME, "a rival's", Some(TTL)));
    let error = quorum.block_on(quorum.mutex().try_lock()).expect_err("taken at three of five");
    assert_eq!(error.kind(), ErrorKind::Taken);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 3, "the rival's");
}

#[test]
fn a_grant_that_arrives_after_the_attempt_was_given_up_is_undone() {
    let quorum = Quorum::of(3);
    quorum.nodes.iter().take(2).for_each(|node| node.pause());
    quorum.block_on(quorum.mutex().try_lock()).expect_err("no quorum answers");
    quorum.run_for(ms(100));
    quorum.nodes.iter().for_each(|node| node.resume());
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn an_undo_that_overtook_its_set_is_repeated() {
    for exact in [false, true] {
        let quorum = Quorum::of(1);
        quorum.nodes[0].pause();
        let mutex = if exact { quorum.mutex().with_value("v") } else { quorum.mutex() };
        quorum.block_on(mutex.try_lock()).expect_err("no answer");
        quorum.run_for(ms(100));
        let held = quorum.nodes[0].held();
        assert_eq!(held.len(), if exact { 1 } else { 2 }, "an unanswered exact value is not undone at once");
        held.iter().rev().for_each(|request| request.reply());
        quorum.nodes[0].resume();
        quorum.settle();
        assert_eq!(quorum.keys_left(), 0, "exact: {exact}");
    }
}

#[test]
fn an_undo_that_is_on_its_way_when_the_late_answer_comes_is_repeated() {
    let late_answers: [fn(&Held); 2] = [
        |set| set.reply(),
        |set| {
            set.execute();
            set.lose();
        },
    ];
    for answer in late_answers {
        let quorum = Quorum::of(1);
        quorum.nodes[0].pause();
        quorum.block_on(quorum.mutex().try_lock()).expect_err("no answer");
        quorum.run_for(ms(100));
        let held = quorum.nodes[0].held();
        let [set, undo] = &held[..] else { panic!("a SET and its undo") };
        undo.execute();
        answer(set);
        quorum.run_for(ms(10));
        undo.reply();
        quorum.run_for(ms(10));
        quorum.nodes[0].resume();
        quorum.settle();
        assert_eq!(quorum.keys_left(), 0);
    }
}

#[test]
fn a_panic_in_a_function_of_the_users_leaves_no_key() {
    let quorum = Quorum::of(3);
    quorum.nodes.iter().take(2).for_each(|node| node.set(NAME, "a rival's", Some(TTL)));
    let mutex = quorum.mutex().retry_delay(Delay::by(|_| panic!("the user's own")));
    let result = catch_unwind(AssertUnwindSafe(|| quorum.block_on(mutex.lock())));
    assert!(result.is_err());
    quorum.run_for(ms(100));
    assert_eq!(quorum.keys_left(), 2, "the rival's");
}

#[test]
fn an_undo_that_failed_is_sent_again_when_the_node_is_back() {
    let quorum = Quorum::of(3);
    quorum.nodes[1].pause();
    quorum.nodes[2].pause();
    let mutex = quorum.mutex();
    quorum.block_on(drop_after(1, mutex.lock()));
    quorum.nodes.iter().for_each(|node| node.stop());
    quorum.run_for(TTL / 2);
    assert_eq!(quorum.keys_left(), 1, "nobody can have removed it");
    quorum.nodes.iter().for_each(|node| {
        node.resume();
        node.start();
    });
    quorum.run_for(ms(1100));
    assert_eq!(quorum.keys_left(), 0, "long before its TTL is over");
}

#[test]
fn a_late_grant_of_a_lock_that_was_given_back_is_removed() {
    for exact in [false, true] {
        let quorum = Quorum::of(3);
        quorum.nodes[2].pause();
        let mutex = if exact { quorum.mutex().with_value("v") } else { quorum.mutex() };
        let guard = quorum.block_on(mutex.lock()).expect("two of three");
        quorum.block_on(guard.release()).expect("two of three");
        quorum.run_for(ms(100));
        quorum.nodes[2].held().iter().rev().for_each(|request| request.reply());
        quorum.nodes[2].resume();
        quorum.settle();
        assert_eq!(quorum.keys_left(), 0, "exact: {exact}");
    }
}

#[test]
fn a_late_grant_of_a_lock_that_is_held_is_part_of_it() {
    for exact in [false, true] {
        let quorum = Quorum::of(3);
        quorum.nodes[2].pause();
        let mutex = if exact { quorum.mutex().with_value("v") } else { quorum.mutex() };
        let guard = quorum.block_on(mutex.lock()).expect("two of three");
        quorum.nodes[2].resume();
        quorum.settle();
        assert_eq!(quorum.keys_left(), 3, "exact: {exact}");
        quorum.block_on(guard.release()).expect("all three");
        quorum.settle();
        assert_eq!(quorum.keys_left(), 0, "exact: {exact}");
    }
}

#[test]
fn a_key_that_is_revived_after_the_lock_was_given_back_is_removed() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().revive_on_extend(true).lock()).expect("free");
    quorum.settle();
    quorum.nodes[2].wipe();
    quorum.nodes[2].pause();
    quorum.block_on(guard.extend()).expect("two of three");
    quorum.block_on(guard.release()).expect("two of three");
    quorum.run_for(ms(100));
    quorum.nodes[2].held().iter().rev().for_each(|request| request.reply());
    quorum.nodes[2].resume();
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn a_dropped_guard_releases_in_the_background() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    drop(guard);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn a_release_that_is_dropped_goes_on() {
    for polls in 0..3 {
        let quorum = Quorum::of(3);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.block_on(drop_after(polls, guard.release()));
        quorum.settle();
        assert_eq!(quorum.keys_left(), 0, "dropped after {polls} polls");
    }
}

#[test]
fn a_guard_that_is_left_keeps_its_lock_until_the_ttl_is_over() {
    let quorum = Quorum::of(3);
    quorum.block_on(quorum.mutex().lock()).expect("free").leave();
    quorum.run_for(TTL - ms(10));
    assert_eq!(quorum.keys_left(), 3);
    quorum.run_for(ms(20));
    assert_eq!(quorum.keys_left(), 0);
}

#[test]
fn cancelled_and_shut_down_calls_clean_up() {
    let cancelled: [fn(&Quorum, &Mutex) -> ErrorKind; 2] = [
        |quorum, mutex| {
            let signal = sleep(quorum, ms(300));
            quorum.block_on(mutex.lock_unless(signal)).expect_err("held by a rival").kind()
        },
        |quorum, mutex| {
            let waiting = mutex.lock();
            let shutdown = async {
                sleep(quorum, ms(300)).await;
                quorum.redsync.shutdown().await;
            };
            let (result, ()) = quorum.block_on(futures_util::future::join(waiting, shutdown));
            result.expect_err("shut down").kind()
        },
    ];
    for cancel in cancelled {
        let quorum = Quorum::of(3);
        quorum.nodes.iter().take(2).for_each(|node| node.set(NAME, "a rival's", Some(TTL)));
        assert_eq!(cancel(&quorum, &quorum.mutex()), ErrorKind::Cancelled);
        quorum.settle();
        assert_eq!(quorum.keys_left(), 2, "the rival's");
    }
}

fn sleep(quorum: &Quorum, duration: std::time::Duration) -> impl Future<Output = ()> {
    use redsync_core::Runtime;
    quorum.runtime.sleep_until(quorum.runtime.now().plus(duration))
}

#[test]
fn a_call_that_is_cancelled_before_it_begins_sends_nothing() {
    let quorum = Quorum::of(3);
    let error = quorum.block_on(quorum.mutex().lock_unless(std::future::ready(()))).expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(quorum.nodes.iter().all(|node| node.calls().is_empty()));
}

#[test]
fn a_node_that_certainly_has_nothing_is_not_asked_to_delete_it() {
    let quorum = Quorum::of(5);
    quorum.nodes[3].stop();
    quorum.nodes[4].set(NAME, "a rival's", Some(TTL));
    let guard = quorum.block_on(quorum.mutex().wait_for_all(true).lock()).expect("three of five");
    quorum.nodes.iter().for_each(|node| node.forget_calls());
    quorum.block_on(guard.release()).expect("reachable");
    let asked: Vec<_> = quorum.nodes.iter().map(|node| !node.calls().is_empty()).collect();
    assert_eq!(asked, [true, true, true, false, false]);
}

/// A node that refused is not asked to delete, unless an extension may have set the key there.
#[test]
fn a_key_that_an_extension_set_without_a_word_is_removed_by_the_release() {
    let quorum = Quorum::of(3);
    quorum.nodes[2].set(NAME, "a rival's", Some(ms(100)));
    let guard = quorum.block_on(quorum.mutex().revive_on_extend(true).lock()).expect("two of three");
    quorum.run_for(ms(200));
    quorum.nodes[2].lose_replies(Loss::Broken);
    quorum.block_on(guard.extend()).expect("two of three");
    quorum.run_for(ms(50));
    quorum.nodes[2].lose_replies(Loss::Never);
    assert!(quorum.nodes[2].get(NAME).is_some(), "it was set anew");
    quorum.block_on(guard.release()).expect("reachable");
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}

/// Fails the first requests to set a key, then does what it is told; all of it at once.
#[derive(Clone)]
struct AtOnce {
    fails: u32,
    state: Arc<std::sync::Mutex<(u32, bool)>>,
}

impl Node for AtOnce {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        let mut state = self.state.lock().expect("no panic");
        let (sets, stands) = &mut *state;
        if request.name() == "SET" {
            *sets += 1;
            *stands |= *sets > self.fails;
            let failed = Err(NodeError::not_sent("down"));
            return Box::pin(std::future::ready(if *stands {
                Ok(Reply::Text(b"OK".to_vec()))
            } else {
                failed
            }));
        }
        let deleted = Reply::Integer(if std::mem::take(stands) { 1 } else { -1 });
        let learnt = Reply::Array(vec![deleted, Reply::Integer(0)]);
        Box::pin(std::future::ready(Ok(learnt)))
    }
}

/// After many events in a row the drive yields, which may be just when the lock is won.
#[test]
fn a_lock_that_was_won_and_not_yet_returned_is_removed_when_the_call_is_dropped() {
    for (fails, polls) in (0..70).flat_map(|fails| (1..5).map(move |polls| (fails, polls))) {
        let runtime = VirtualRuntime::new(1);
        let nodes: Vec<_> = (0..3).map(|_| AtOnce { fails, state: Arc::default() }).collect();
        let redsync = Redsync::builder(runtime.shared()).nodes(nodes.iter().cloned()).build().expect("three");
        let mutex = redsync.mutex(NAME).retry_delay(ms(0)).tries(1000);
        drop(runtime.block_on(drop_after(polls, mutex.lock())));
        runtime.block_on(redsync.settled());
        let left = nodes.iter().filter(|node| node.state.lock().expect("no panic").1).count();
        assert_eq!(left, 0, "after {fails} failures, dropped at poll {polls}");
    }
}

#[test]
fn an_extension_that_is_sent_twice_leaves_nothing_after_the_release() {
    let quorum = Quorum::build(3, |node| node.delivering(Delivery::MayRepeat));
    let guard = quorum.block_on(quorum.mutex().revive_on_extend(true).lock()).expect("free");
    quorum.settle();
    quorum.nodes.iter().for_each(MemoryNode::pause);
    quorum.block_on(drop_after(1, guard.extend()));
    let late: Vec<_> = quorum.nodes.iter().flat_map(MemoryNode::held).collect();
    quorum.block_on(async {
        let mut release = Box::pin(guard.release());
        assert!(drop_after(1, &mut release).await.is_none());
        // The release comes first. Then the one copy sets the key anew, and the other finds it.
        quorum.nodes.iter().flat_map(MemoryNode::held).skip(1).step_by(2).for_each(|held| held.reply());
        late.iter().for_each(Held::execute);
        late.iter().for_each(Held::execute);
        late.iter().for_each(Held::reply);
        quorum.nodes.iter().for_each(MemoryNode::resume);
        release.await.expect("all were reached");
    });
    assert_eq!(quorum.values().into_iter().flatten().count(), 3, "as long as the clean-up is on its way");
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
}
