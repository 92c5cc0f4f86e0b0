//! P8: granted, taken, failed and unknown are told apart all the way up.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use std::error::Error as _;

use common::{NAME, Quorum, TTL, ms};
use redsync_core::{
    Answer, ErrorKind, InvalidOption, Mutex, NodeErrorKind, Redsync, Released, Runtime, wire::Refusal,
};
use redsync_testkit::cancel::drop_after;
use redsync_testkit::{
    memory::{ErrorReply, Loss, MemoryNode},
    virtual_time::VirtualRuntime,
};

#[test]
fn errors_of_a_lock_name_what_every_node_said() {
    type Case = (&'static str, fn(&Quorum), ErrorKind, &'static str);
    let cases: [Case; 6] = [
        (
            "taken",
            |q| q.nodes.iter().for_each(|n| n.set(NAME, "r", Some(TTL))),
            ErrorKind::Taken,
            "memory-1): taken",
        ),
        ("stopped", |q| q.nodes.iter().for_each(|n| n.stop()), ErrorKind::Unreachable, "not sent: "),
        ("paused", |q| q.nodes.iter().for_each(|n| n.pause()), ErrorKind::Unreachable, "had not answered"),
        (
            "no permission",
            |q| q.nodes.iter().for_each(|n| n.refuse_all(ErrorReply::new("NOPERM", "no permissions"))),
            ErrorKind::Unreachable,
            "the server answered NOPERM no permissions",
        ),
        (
            "replies lost",
            |q| q.nodes.iter().for_each(|n| n.lose_replies(Loss::Broken)),
            ErrorKind::Unreachable,
            "may have been executed",
        ),
        (
            "one taken, one stopped",
            |q| {
                q.nodes[0].set(NAME, "r", Some(TTL));
                q.nodes[1].stop();
            },
            ErrorKind::Unreachable,
            "memory-0): taken",
        ),
    ];
    for (what, trouble, kind, text) in cases {
        let quorum = Quorum::of(3);
        trouble(&quorum);
        let error = quorum.block_on(quorum.mutex().tries(2).retry_delay(ms(1)).lock()).expect_err(what);
        assert_eq!(error.kind(), kind, "{what}");
        assert_eq!((error.name(), error.tries(), error.nodes().len()), (NAME, 2, 3), "{what}");
        assert!(error.to_string().contains(text), "{what}: {error}");
    }
}

#[test]
fn one_key_of_the_same_value_among_a_rivals_does_not_make_the_lock_ours() {
    let quorum = Quorum::of(3);
    quorum.nodes[0].set(NAME, "v", Some(TTL));
    quorum.nodes.iter().skip(1).for_each(|node| node.set(NAME, "a rival's", Some(TTL)));
    let error =
        quorum.block_on(quorum.mutex().with_value("v").wait_for_all(true).try_lock()).expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Taken);
}

#[test]
fn failed_and_unknown_are_different_things() {
    let quorum = Quorum::of(3);
    quorum.nodes[0].stop();
    quorum.nodes[1].lose_replies(Loss::Broken);
    quorum.nodes[2].set(NAME, "a rival's", Some(TTL));
    let error = quorum.block_on(quorum.mutex().wait_for_all(true).try_lock()).expect_err("nobody granted");
    let kinds: Vec<_> = error
        .nodes()
        .iter()
        .map(|node| match node.answer() {
            Answer::Failed(error) | Answer::Unknown(error) => Some(error.kind()),
            Answer::Refused(Refusal::Taken) => None,
            answer @ (Answer::NotAsked | Answer::Open | Answer::Granted | Answer::Refused(_)) => {
                panic!("{answer}")
            }
        })
        .collect();
    assert_eq!(kinds, [Some(NodeErrorKind::NotSent), Some(NodeErrorKind::Unknown), None]);
    assert!(
        error.source().is_some_and(|source| source.source().is_some()),
        "the driver's own error is there"
    );
}

#[test]
fn release_tells_what_it_found() {
    type Case = (&'static str, fn(&Quorum), Released);
    let cases: [Case; 5] = [
        ("held", |_| {}, Released::Held),
        ("a minority lost", |q| q.nodes[0].wipe(), Released::Held),
        ("a majority lost", |q| q.nodes.iter().take(2).for_each(|node| node.wipe()), Released::AlreadyGone),
        ("expired", |q| q.run_for(TTL * 2), Released::AlreadyGone),
        (
            "taken by another",
            |q| {
                q.run_for(TTL * 2);
                q.nodes.iter().for_each(|node| node.set(NAME, "a rival's", Some(TTL)));
            },
            Released::AlreadyGone,
        ),
    ];
    for (what, event, expected) in cases {
        let quorum = Quorum::of(3);
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.settle();
        event(&quorum);
        assert_eq!(quorum.block_on(guard.release()).expect(what), expected, "{what}");
    }
}

#[test]
fn a_release_whose_replies_were_lost_does_not_pretend_to_know() {
    let quorum = Quorum::of(1);
    let guard = quorum.block_on(quorum.mutex().retry_delay(ms(10)).lock()).expect("free");
    quorum.nodes[0].lose_replies(Loss::Broken);
    let released = quorum.block_on(async {
        let service = async {
            quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(5))).await;
            quorum.nodes[0].lose_replies(Loss::Never);
        };
        futures_util::future::join(guard.release(), service).await.0
    });
    assert_eq!(released.expect("the second try is answered"), Released::Unclear);
}

#[test]
fn a_release_that_fails_gives_the_guard_back_and_goes_on() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.settle();
    quorum.nodes.iter().take(2).for_each(|node| node.stop());
    let error = quorum.block_on(guard.release()).expect_err("one of three");
    assert_eq!(error.error().kind(), ErrorKind::Unreachable);
    assert_eq!(error.error().tries(), 3);
    quorum.nodes.iter().for_each(|node| node.start());
    quorum.run_for(ms(1100));
    assert_eq!(quorum.keys_left(), 0, "the background did not give up");
    let again = quorum.block_on(error.into_guard().release()).expect("reachable");
    assert_eq!(again, Released::Unclear, "it was held until our own first release");
}

#[test]
fn a_value_that_was_fixed_releases_from_anywhere() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().with_value("job-1138").lock()).expect("free");
    guard.leave();
    let worker = quorum.other_process().mutex(NAME).with_value("job-1138");
    quorum.block_on(worker.extend()).expect("held");
    assert_eq!(quorum.block_on(worker.unlock()).expect("reachable"), Released::Held);
    assert_eq!(quorum.block_on(worker.unlock()).expect("reachable"), Released::AlreadyGone);
    assert_eq!(quorum.block_on(worker.extend()).expect_err("gone").kind(), ErrorKind::Lost);
}

#[test]
fn nothing_prints_a_value() {
    let quorum = Quorum::of(3);
    let mutex = quorum.mutex().with_value("secret");
    let guard = quorum.block_on(mutex.lock()).expect("free");
    let error = quorum.block_on(quorum.mutex().with_value("secret").try_lock()).expect_err("held");
    for text in [
        format!("{mutex:?}"),
        format!("{guard:?}"),
        format!("{error:?} {error}"),
        format!("{:?}", quorum.redsync),
    ] {
        assert!(!text.contains("secret"), "{text}");
    }
    guard.leave();
}

#[test]
fn bad_input_is_refused_before_anything_is_sent() {
    type Case = (&'static str, fn(Mutex) -> Mutex, fn(&InvalidOption) -> bool);
    let cases: [Case; 20] = [
        ("zero TTL", |m| m.ttl(ms(0)), |e| matches!(e, InvalidOption::Ttl(_))),
        ("TTL below a millisecond", |m| m.ttl(ms(1) / 2), |e| matches!(e, InvalidOption::Ttl(_))),
        ("TTL out of range", |m| m.ttl(std::time::Duration::MAX), |e| matches!(e, InvalidOption::Ttl(_))),
        ("TTL all drift", |m| m.ttl(ms(2)), |e| matches!(e, InvalidOption::TtlTooShort { .. })),
        (
            "TTL below the time-out",
            |m| m.node_timeout(TTL),
            |e| matches!(e, InvalidOption::TtlTooShort { .. }),
        ),
        ("no time-out", |m| m.node_timeout(ms(0)), |e| matches!(e, InvalidOption::NodeTimeout)),
        ("NaN drift", |m| m.drift_factor(f64::NAN), |e| matches!(e, InvalidOption::DriftFactor(_))),
        ("negative drift", |m| m.drift_factor(-0.1), |e| matches!(e, InvalidOption::DriftFactor(_))),
        ("all drift", |m| m.drift_factor(1.0), |e| matches!(e, InvalidOption::DriftFactor(_))),
        ("NaN factor", |m| m.timeout_factor(f64::NAN), |e| matches!(e, InvalidOption::TimeoutFactor(_))),
        ("negative factor", |m| m.timeout_factor(-1.0), |e| matches!(e, InvalidOption::TimeoutFactor(_))),
        (
            "infinite factor",
            |m| m.timeout_factor(f64::INFINITY),
            |e| matches!(e, InvalidOption::TimeoutFactor(_)),
        ),
        ("zero tries", |m| m.tries(0), |e| matches!(e, InvalidOption::Tries("tries"))),
        ("zero tries to extend", |m| m.extend_tries(0), |e| matches!(e, InvalidOption::Tries(_))),
        ("zero tries to release", |m| m.release_tries(0), |e| matches!(e, InvalidOption::Tries(_))),
        ("deadline of zero", |m| m.deadline(ms(0)), |e| matches!(e, InvalidOption::Deadline)),
        ("empty value", |m| m.with_value(""), |e| matches!(e, InvalidOption::EmptyValue)),
        ("empty label", |m| m.label(""), |e| matches!(e, InvalidOption::EmptyValue)),
        (
            "delay upside down",
            |m| m.retry_delay(redsync_core::Delay::Between(ms(2), ms(1))),
            |e| matches!(e, InvalidOption::RetryDelay { .. }),
        ),
        (
            "back-off upside down",
            |m| m.retry_delay(redsync_core::Delay::Backoff { first: ms(2), limit: ms(1) }),
            |e| matches!(e, InvalidOption::RetryDelay { .. }),
        ),
    ];
    let quorum = Quorum::of(1);
    for (what, set, expected) in cases {
        let mutex = set(quorum.mutex());
        assert!(expected(&mutex.check().expect_err(what)), "{what}");
        let error = quorum.block_on(mutex.lock()).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{what}");
        assert!(error.source().is_some_and(|source| source.is::<InvalidOption>()), "{what}");
    }
    let named = quorum.redsync.mutex("");
    assert!(matches!(named.check(), Err(InvalidOption::EmptyName)));
    for error in
        [quorum.block_on(quorum.mutex().extend()).err(), quorum.block_on(quorum.mutex().unlock()).err()]
    {
        assert_eq!(error.expect("no value").kind(), ErrorKind::InvalidOption);
    }
    assert!(quorum.nodes[0].calls().is_empty(), "nothing was sent");
}

/// What options mean is found out once, and anew after each change.
#[test]
fn an_option_that_is_changed_after_a_call_counts_for_the_next() {
    let quorum = Quorum::of(1);
    let mutex = quorum.mutex();
    quorum.block_on(mutex.lock()).expect("free").leave();
    assert!(matches!(mutex.clone().tries(0).check(), Err(InvalidOption::Tries("tries"))));
    assert!(matches!(mutex.clone().ttl(ms(0)).check(), Err(InvalidOption::Ttl(_))));
    let value = mutex.clone().with_value("mine").tries(1);
    assert_eq!(quorum.block_on(value.lock()).expect_err("held").kind(), ErrorKind::Taken);
    mutex.check().expect("as it was");
}

#[test]
fn impossible_quorums_are_refused() {
    let runtime = VirtualRuntime::new(0);
    let build = |count: usize, needed: Option<usize>| {
        let nodes = (0..count).map(|_| MemoryNode::new(runtime.shared()));
        let builder = Redsync::builder(runtime.shared()).nodes(nodes);
        match needed {
            Some(needed) => builder.quorum(needed).build(),
            None => builder.build(),
        }
    };
    assert!(matches!(build(0, None), Err(InvalidOption::NoNodes)));
    assert!(matches!(build(65, None), Err(InvalidOption::TooManyNodes(65))));
    assert!(matches!(build(5, Some(2)), Err(InvalidOption::Quorum { needed: 2, nodes: 5 })));
    assert!(matches!(build(5, Some(6)), Err(InvalidOption::Quorum { needed: 6, nodes: 5 })));
    assert!(build(64, None).is_ok() && build(5, Some(4)).is_ok());
}

#[test]
fn a_late_extension_does_not_delete_what_the_release_is_to_find() {
    let quorum = Quorum::of(1);
    let guard = quorum.block_on(quorum.mutex().revive_on_extend(true).lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].delay_replies(ms(5));
    quorum.block_on(drop_after(1, guard.extend()));
    quorum.nodes[0].delay_requests(ms(20));
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    quorum.settle();
    let calls = quorum.nodes[0].calls();
    assert_eq!((calls["EVALSHA"], calls["EVAL"]), (1, 1), "the extension and one delete");
}

#[test]
fn an_extension_that_cleans_up_before_the_release_arrives_does_not_make_the_lock_look_gone() {
    let quorum = Quorum::of(3);
    quorum.nodes[0].set(NAME, "a rival's", Some(TTL));
    let guard = quorum.block_on(quorum.mutex().revive_on_extend(true).lock()).expect("two of three");
    let late = &quorum.nodes[1];
    late.pause();
    quorum.block_on(drop_after(1, guard.extend()));
    late.delay_requests(ms(50));
    let released = quorum.block_on(async {
        let mut release = Box::pin(guard.release());
        assert!(drop_after(1, &mut release).await.is_none());
        // The extension hears last that the lock was given back, and is the first to delete at this node.
        late.delay_requests(ms(0));
        let held = late.held().into_iter().next().expect("the extension");
        held.execute();
        held.lose();
        late.resume();
        release.await
    });
    assert_eq!(released.expect("all were reached"), Released::Unclear);
    assert_eq!(quorum.keys_left(), 1, "the rival's");
}

#[test]
fn votes_do_not_carry_over_from_one_try_to_the_next() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().extend_tries(2).retry_delay(ms(10)).lock()).expect("free");
    quorum.settle();
    quorum.nodes[1].stop();
    quorum.nodes[2].stop();
    let extended = quorum.block_on(async {
        let switch = async {
            quorum.runtime.sleep_until(quorum.runtime.now().plus(ms(5))).await;
            quorum.nodes[0].stop();
            quorum.nodes[1].start();
        };
        futures_util::future::join(guard.extend(), switch).await.0
    });
    assert_eq!(extended.expect_err("one node in each try").kind(), ErrorKind::Unreachable);
    guard.leave();
}

#[test]
fn a_rejection_of_a_repeated_request_is_not_taken_for_certain() {
    let quorum = Quorum::build(1, |node| node.delivering(redsync_core::Delivery::MayRepeat));
    quorum.nodes[0].refuse_all(ErrorReply::new("LOADING", "Redis is loading the dataset in memory"));
    let error = quorum.block_on(quorum.mutex().try_lock()).expect_err("loading");
    assert!(
        matches!(error.nodes()[0].answer(), Answer::Unknown(_)),
        "an earlier copy may have been executed"
    );
    let plain = Quorum::of(1);
    plain.nodes[0].refuse_all(ErrorReply::new("LOADING", "Redis is loading the dataset in memory"));
    let error = plain.block_on(plain.mutex().try_lock()).expect_err("loading");
    assert!(matches!(error.nodes()[0].answer(), Answer::Failed(_)));
}

/// Redis quotes the arguments of a command that it does not know.
#[test]
fn an_error_that_quotes_the_value_is_told_without_it() {
    let quorum = Quorum::of(1);
    let detail = "unknown command 'EVALSHA', with args beginning with: '81360d' '1' 'lock' 's3cret' '8000'";
    quorum.nodes[0].refuse_all(ErrorReply::new("ERR", detail));
    let error = quorum.block_on(quorum.mutex().with_value("s3cret").tries(1).lock()).expect_err("unknown");
    let mut texts = vec![error.to_string(), format!("{error:?}")];
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        texts.extend([error.to_string(), format!("{error:?}")]);
        source = error.source();
    }
    assert!(texts.iter().any(|text| text.contains("unknown command 'EVALSHA'")), "{texts:?}");
    assert!(texts.iter().all(|text| !text.contains("s3cret")), "{texts:?}");
}

#[test]
fn an_extension_waits_for_the_node_that_tells_a_lost_lock_from_nodes_that_are_down() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().extend_tries(1).lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].stop();
    quorum.nodes[1..].iter().for_each(MemoryNode::wipe);
    quorum.nodes[2].delay_replies(ms(50));
    let error = quorum.block_on(guard.extend()).expect_err("gone from two of three");
    assert_eq!(error.kind(), ErrorKind::Lost);
    assert!(!guard.is_valid());
}

#[test]
fn a_release_that_cannot_become_certain_does_not_wait_for_a_hung_node() {
    let quorum = Quorum::build(3, |node| node.delivering(redsync_core::Delivery::MayRepeat));
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].pause();
    quorum.nodes[1..].iter().for_each(MemoryNode::wipe);
    let begun = quorum.runtime.now();
    // An earlier copy of the request may have deleted it.
    assert_eq!(quorum.block_on(guard.release()).expect("a quorum answers"), Released::Unclear);
    assert!(quorum.runtime.now().since(begun) < ms(10));
    quorum.nodes[0].resume();
}

#[test]
fn a_release_that_was_not_sent_is_repeated_by_its_guard_where_requests_may_be_sent_twice() {
    let quorum = Quorum::build(3, |node| node.delivering(redsync_core::Delivery::MayRepeat));
    let mutex = quorum.mutex().with_value("job-7").release_tries(1);
    let guard = quorum.block_on(mutex.lock()).expect("free");
    quorum.settle();
    quorum.nodes.iter().for_each(MemoryNode::stop);
    let error = quorum.block_on(guard.release()).expect_err("all are down");
    quorum.nodes.iter().for_each(MemoryNode::start);
    assert_eq!(quorum.block_on(error.into_guard().release()).expect("all are up"), Released::Held);
    let guard = quorum.block_on(mutex.tries(2).lock()).expect("nothing is in doubt");
    guard.leave();
}

#[test]
fn an_extension_that_outlasts_the_validity_says_that_the_lock_is_lost() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().extend_tries(1).lock()).expect("free");
    quorum.settle();
    quorum.run_for(guard.valid_for().saturating_sub(ms(50)));
    quorum.nodes.iter().for_each(MemoryNode::pause);
    assert_eq!(quorum.block_on(guard.extend()).expect_err("nobody answers").kind(), ErrorKind::Expired);
    assert!(!guard.is_valid());
    guard.leave();
}
