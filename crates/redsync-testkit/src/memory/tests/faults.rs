//! What each fault does to a request, to the data and to what the caller sees.

use super::*;

type Turn = fn(&MemoryNode);

#[test]
fn each_fault_is_seen_as_what_it_is() {
    // What happens; what the caller sees in the end; whether the request was executed.
    let cases: [(&str, Turn, &str, bool); 9] = [
        ("nothing", |_| {}, "OK", true),
        ("stopped", MemoryNode::stop, "NotSent", false),
        ("request lost", |node| node.lose_requests(Loss::Broken), "Unknown", false),
        ("reply lost", |node| node.lose_replies(Loss::Broken), "Unknown", true),
        ("no memory", |node| node.refuse_all(error("OOM")), "OOM Rejected", false),
        ("no permission", |node| node.refuse("set", error("NOPERM")), "NOPERM Rejected", false),
        ("another command", |node| node.refuse("EVAL", error("NOPERM")), "OK", true),
        ("a proxy's error", |node| node.refuse_all(error("ERR")), "ERR Unknown", false),
        ("repeated", |node| node.repeat_requests(true), "nil", true),
    ];
    for (name, fault, expected, executed) in cases {
        let (runtime, node) = start();
        fault(&node);
        assert_eq!(show(&runtime.block_on(node.call(acquire("mine")))), expected, "{name}");
        assert_eq!(node.get(KEY).is_some(), executed, "{name}");
    }
}

#[test]
fn a_silent_loss_ends_when_the_server_is_stopped() {
    let cases: [(&str, Turn, bool); 2] = [
        ("request", |node| node.lose_requests(Loss::Silent), false),
        ("reply", |node| node.lose_replies(Loss::Silent), true),
    ];
    for (name, fault, executed) in cases {
        let (runtime, node) = start();
        fault(&node);
        let outcome = spawn(&runtime, &node, acquire("mine"));
        assert_eq!(runtime.run_until_idle(3_600_000 * MS), 1, "{name}: the call waits");
        assert_eq!(node.get(KEY).is_some(), executed, "{name}");
        node.stop();
        assert_eq!(runtime.run_until_idle(Duration::ZERO), 0);
        assert_eq!(outcome.recv().unwrap(), "Unknown", "{name}");
    }
}

#[test]
fn every_knob_can_be_turned_back() {
    let cases: [(Turn, Turn); 7] = [
        (MemoryNode::stop, MemoryNode::start),
        (MemoryNode::pause, MemoryNode::resume),
        (|node| node.lose_requests(Loss::Silent), |node| node.lose_requests(Loss::Never)),
        (|node| node.lose_replies(Loss::Silent), |node| node.lose_replies(Loss::Never)),
        (|node| node.refuse_all(ErrorReply::syntax()), MemoryNode::refuse_none),
        (|node| node.refuse("SET", ErrorReply::syntax()), MemoryNode::refuse_none),
        (|node| node.repeat_requests(true), |node| node.repeat_requests(false)),
    ];
    for (number, (turn, turn_back)) in cases.into_iter().enumerate() {
        let (runtime, node) = start();
        turn(&node);
        turn_back(&node);
        assert_eq!(show(&runtime.block_on(node.call(acquire("mine")))), "OK", "case {number}");
    }
}

#[test]
fn what_waits_for_a_reply_when_the_server_stops_is_unknown() {
    let cases: [(&str, Turn, bool); 3] = [
        ("on its way", |node| node.delay_requests(10 * MS), false),
        ("arrived", MemoryNode::pause, false),
        ("executed", |node| node.delay_replies(10 * MS), true),
    ];
    let ends: [(&str, Turn, bool); 3] = [
        ("stop", MemoryNode::stop, true),
        ("wipe", MemoryNode::wipe, false),
        ("restore", |node| node.restore(&node.snapshot()), true),
    ];
    for (case, fault, executed) in cases {
        for (end, stop, keeps) in ends {
            let (runtime, node) = start();
            fault(&node);
            let outcome = spawn(&runtime, &node, acquire("mine"));
            stop(&node);
            node.start();
            node.resume();
            assert_eq!(runtime.run_until_idle(1000 * MS), 0, "{case}, {end}");
            assert_eq!(outcome.recv().unwrap(), "Unknown", "{case}, {end}");
            assert_eq!(node.get(KEY).is_some(), executed && keeps, "{case}, {end}: never executed later");
        }
    }
}

#[test]
fn delays_pass_on_the_runtimes_clock() {
    for (request, reply, executed, answered) in [(0, 0, 0, 0), (7, 0, 7, 7), (0, 5, 0, 5), (7, 5, 7, 12)] {
        let (runtime, node) = start();
        node.delay_requests(request * MS);
        node.delay_replies(reply * MS);
        let begun = runtime.now();
        let outcome = runtime.block_on(node.call(acquire("mine")));
        assert_eq!(show(&outcome), "OK");
        assert_eq!(runtime.now().since(begun), answered * MS);
        assert_eq!(node.ttl(KEY), Some((1000 + executed - answered) * MS));
    }
}

#[test]
fn jitter_follows_from_the_seed_and_keeps_its_bounds() {
    let took = |seed| {
        let runtime = VirtualRuntime::new(seed);
        let node = MemoryNode::new(runtime.shared());
        node.delay_requests(10 * MS);
        node.jitter(4 * MS);
        let begun = runtime.now();
        runtime.block_on(node.call(acquire("mine"))).unwrap();
        runtime.now().since(begun)
    };
    for seed in 0..50 {
        assert_eq!(took(seed), took(seed));
        // The request and the reply each have their own.
        assert!((10 * MS..=18 * MS).contains(&took(seed)), "{:?}", took(seed));
    }
    assert_ne!(took(1), took(2));
}

#[test]
fn a_later_request_can_overtake_a_delayed_one() {
    let (runtime, node) = start();
    node.delay_requests(10 * MS);
    let slow = spawn(&runtime, &node, acquire("slow"));
    node.delay_requests(Duration::ZERO);
    let quick = spawn(&runtime, &node, acquire("quick"));
    assert_eq!(runtime.run_until_idle(1000 * MS), 0);
    assert_eq!((quick.recv().unwrap().as_str(), slow.recv().unwrap().as_str()), ("OK", "nil"));
}

#[test]
fn a_snapshot_comes_back_without_what_has_expired_since() {
    let (runtime, node) = start();
    node.set("short", "a", Some(10 * MS));
    node.set("long", "b", Some(1000 * MS));
    let snapshot = node.snapshot();
    node.set("later", "c", None);
    runtime.advance(100 * MS);
    node.restore(&snapshot);
    assert_eq!(node.keys(), ["long"]);
    assert_eq!(node.ttl("long"), Some(900 * MS));
}

fn error(code: &'static str) -> ErrorReply {
    ErrorReply::new(code, "some words")
}
