//! When a request reaches the server, and what a test can do with it there.

use super::*;

#[test]
fn a_call_that_is_never_polled_does_nothing() {
    let (runtime, node) = start();
    drop(node.call(acquire("mine")));
    runtime.run_for(1000 * MS);
    assert_eq!((node.get(KEY), node.calls().len()), (None, 0));
}

#[test]
fn a_request_is_executed_even_if_its_call_is_dropped_after_the_first_poll() {
    type Turn = fn(&MemoryNode);
    let cases: [(&str, Turn, Turn); 4] = [
        ("paused", MemoryNode::pause, MemoryNode::resume),
        ("delayed", |node| node.delay_requests(10 * MS), |_| {}),
        ("reply delayed", |node| node.delay_replies(10 * MS), |_| {}),
        ("lingering", |node| node.extra_polls(1), |_| {}),
    ];
    for (name, before, after) in cases {
        let (runtime, node) = start();
        before(&node);
        assert!(poll_and_drop(&runtime, &node, acquire("mine")).is_pending(), "{name}");
        after(&node);
        assert_eq!(runtime.run_until_idle(1000 * MS), 0, "{name}");
        assert_eq!(node.get(KEY).as_deref(), Some("mine"), "{name}");
    }
}

#[test]
fn without_a_fault_the_first_poll_is_the_last() {
    let (runtime, node) = start();
    let Poll::Ready(outcome) = poll_and_drop(&runtime, &node, acquire("mine")) else { panic!("pending") };
    assert_eq!(show(&outcome), "OK");
}

#[test]
fn a_call_takes_as_many_extra_polls_as_were_asked_for() {
    for extra in [0, 1, 5] {
        let (runtime, node) = start();
        node.extra_polls(extra);
        let (mut call, mut polls) = (node.call(acquire("mine")), 0);
        let outcome = runtime.block_on(poll_fn(|cx| {
            polls += 1;
            call.as_mut().poll(cx)
        }));
        assert_eq!((show(&outcome).as_str(), polls), ("OK", extra + 1));
    }
}

#[test]
fn a_paused_server_executes_in_the_order_of_arrival_when_it_goes_on() {
    let (runtime, node) = start();
    node.pause();
    let outcomes = ["a", "b", "c"].map(|value| spawn(&runtime, &node, acquire(value)));
    assert_eq!(runtime.run_until_idle(500 * MS), 3);
    assert_eq!(node.get(KEY), None);
    node.resume();
    assert_eq!(runtime.run_until_idle(Duration::ZERO), 0);
    assert_eq!(outcomes.map(|outcome| outcome.recv().unwrap()), ["OK", "nil", "nil"]);
    assert_eq!(node.get(KEY).as_deref(), Some("a"));
}

#[test]
fn a_paused_server_s_keys_go_on_expiring() {
    let (runtime, node) = start();
    node.set(KEY, "old", Some(100 * MS));
    node.pause();
    let outcome = spawn(&runtime, &node, acquire("new"));
    runtime.advance(101 * MS);
    node.resume();
    runtime.run_for(Duration::ZERO);
    assert_eq!(outcome.recv().unwrap(), "OK");
    assert_eq!(node.ttl(KEY), Some(1000 * MS), "counted from its execution");
}

#[test]
fn held_requests_go_one_by_one_in_any_order() {
    let (runtime, node) = start();
    node.pause();
    let outcomes = ["a", "b", "c"].map(|value| spawn(&runtime, &node, acquire(value)));
    let [a, b, c] = node.held().try_into().unwrap();
    c.execute();
    assert_eq!(node.get(KEY).as_deref(), Some("c"));
    a.reply();
    b.lose();
    runtime.run_for(Duration::ZERO);
    assert_eq!(node.held().len(), 1, "c is executed, but not answered");
    c.reply();
    runtime.run_for(Duration::ZERO);
    assert_eq!(outcomes.map(|outcome| outcome.recv().unwrap()), ["nil", "Unknown", "OK"]);
    assert_eq!(runtime.tasks_alive(), 0);
}

#[test]
fn an_undo_can_overtake_what_it_undoes() {
    let (runtime, node) = start();
    node.pause();
    let _set = spawn(&runtime, &node, acquire("mine"));
    let undo = spawn(&runtime, &node, release("mine").request_with_text(&KEY.into()));
    for held in node.held().iter().rev() {
        held.reply();
    }
    runtime.run_for(Duration::ZERO);
    assert_eq!(undo.recv().unwrap(), "-1");
    assert_eq!(node.get(KEY).as_deref(), Some("mine"), "left behind until it expires");
}

#[test]
fn a_held_request_that_is_executed_again_answers_as_the_last_time() {
    let (runtime, node) = start();
    node.pause();
    let outcome = spawn(&runtime, &node, acquire("mine"));
    let [held] = node.held().try_into().unwrap();
    held.execute();
    held.execute();
    held.reply();
    // All of no effect now.
    held.execute();
    held.lose();
    held.reply();
    runtime.run_for(Duration::ZERO);
    assert_eq!(outcome.try_iter().collect::<Vec<_>>(), ["nil"]);
}

#[test]
fn what_was_executed_while_held_is_only_answered_when_the_server_goes_on() {
    let (runtime, node) = start();
    node.pause();
    let outcome = spawn(&runtime, &node, acquire("mine"));
    node.held()[0].execute();
    node.execute(&["DEL", KEY]).unwrap();
    node.resume();
    runtime.run_for(Duration::ZERO);
    assert_eq!(outcome.recv().unwrap(), "OK");
    assert_eq!(node.get(KEY), None, "not executed a second time");
}

#[test]
fn calls_are_counted_by_command_whatever_becomes_of_them() {
    let (runtime, node) = start();
    let release = release("mine");
    for request in [acquire("mine"), release.request(&KEY.into()), release.request_with_text(&KEY.into())] {
        runtime.block_on(node.call(request)).ok();
    }
    node.stop();
    runtime.block_on(node.call(acquire("mine"))).unwrap_err();
    let calls: Vec<_> = node.calls().into_iter().collect();
    assert_eq!(calls, [("EVAL".to_owned(), 1), ("EVALSHA".to_owned(), 1), ("SET".to_owned(), 2)]);
    node.forget_calls();
    assert!(node.calls().is_empty());
}

#[test]
fn clones_are_handles_to_one_server_with_words_of_their_own() {
    let (runtime, node) = start();
    let other = node.clone().named("second").delivering(Delivery::MayRepeat);
    runtime.block_on(node.call(acquire("mine"))).unwrap();
    assert_eq!(other.get(KEY).as_deref(), Some("mine"));
    assert_eq!((node.label(), other.label()), ("memory".into(), "second".into()));
    assert_eq!((node.delivery(), other.delivery()), (Delivery::AtMostOnce, Delivery::MayRepeat));
}

#[test]
fn debug_prints_no_value() {
    let (runtime, node) = start();
    node.set(KEY, "mine", None);
    node.pause();
    let _outcome = spawn(&runtime, &node, acquire("mine"));
    let printed = format!("{node:?} {:?} {:?}", node.held(), node.snapshot());
    assert!(printed.contains("SET") && !printed.contains("mine"), "{printed}");
}
