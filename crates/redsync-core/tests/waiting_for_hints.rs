//! Hints that mislead, come too often or not at all.
#![allow(clippy::expect_used, clippy::panic, reason = "tests state what they expect")]

mod common;

use std::{future::ready, sync::Arc, time::Duration};

use common::{NAME, Quorum, client_of_nodes, ms};
use futures_util::future::join_all;
use redsync_core::{BoxFuture, ErrorKind, Hint, Node, NodeError, Reply, Request, Runtime as _};
use redsync_testkit::memory::{ErrorReply, MemoryNode};

/// A node that is watched in a way of its own.
#[derive(Clone)]
struct Watched(MemoryNode, By);

#[derive(Clone)]
enum By {
    /// It always says the same, and at once.
    Saying(Result<Hint, NodeError>),
    /// It looks at this key.
    Key(&'static str),
}

impl Node for Watched {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        self.0.call(request)
    }

    fn watch(&self, _: Arc<str>) -> Option<BoxFuture<'static, Result<Hint, NodeError>>> {
        match self.1.clone() {
            By::Saying(told) => Some(Box::pin(ready(told))),
            By::Key(key) => self.0.watch(Arc::from(key)),
        }
    }
}

#[test]
fn whatever_the_nodes_tell_and_however_often_a_call_ends_and_asks_in_moderation() {
    for told in [Ok(Hint::Free), Ok(Hint::Changed), Err(NodeError::not_sent("nobody listens"))] {
        for delay in [ms(0), ms(1)] {
            let quorum = Quorum::of(3);
            quorum.nodes.iter().for_each(|node| node.delay_replies(delay));
            let nodes = quorum.nodes.iter().map(|node| Watched(node.clone(), By::Saying(told.clone())));
            let redsync = client_of_nodes(&quorum.runtime, nodes);
            let _guard = quorum.block_on(quorum.other_process().mutex(NAME).lock()).expect("free");
            let begun = quorum.runtime.now();
            let mutex = redsync.mutex(NAME).tries(5).retry_delay(ms(100));
            let error = quorum.block_on(mutex.lock()).expect_err("taken");
            let waited = quorum.runtime.now().since(begun);
            assert_eq!((error.kind(), error.tries()), (ErrorKind::Taken, 5), "{told:?}: {error}");
            assert!(waited <= ms(420), "{told:?}: {waited:?}");
            let calls = quorum.nodes[0].calls();
            assert!(calls["SET"] <= 400, "{told:?}: {calls:?}");
        }
    }
}

#[test]
fn nodes_that_grant_no_lock_to_anybody_are_not_asked_because_it_is_free() {
    for nodes in [1, 3, 5] {
        let quorum = Quorum::of(nodes);
        let refusal = || ErrorReply::new("OOM", "command not allowed when used memory > 'maxmemory'.");
        quorum.nodes.iter().for_each(|node| node.refuse("SET", refusal()));
        let error = quorum.block_on(quorum.mutex().lock()).expect_err("out of memory");
        assert_eq!((error.kind(), error.tries()), (ErrorKind::Unreachable, 32), "{error}");
        let calls = quorum.nodes[0].calls();
        assert!(calls["SET"] <= 40, "{nodes} nodes: {calls:?}");
        assert!(calls.get("PTTL").is_none_or(|looks| *looks <= 40), "{nodes} nodes: {calls:?}");
    }
}

#[test]
fn a_node_that_does_not_tell_is_not_asked_for_each_hint_of_the_others() {
    for is_refused in [false, true] {
        let quorum = Quorum::of(3);
        let _guard = quorum.block_on(quorum.other_process().mutex(NAME).lock()).expect("free");
        let [one, two, last] = &quorum.nodes[..] else { panic!("three nodes") };
        if is_refused {
            last.refuse("PTTL", ErrorReply::new("NOPERM", "no permissions to run the 'pttl' command"));
        } else {
            last.pause();
        }
        let watched = |node: &MemoryNode, key| Watched(node.clone(), By::Key(key));
        let nodes = [watched(one, "free"), watched(two, "free"), watched(last, NAME)];
        let redsync = client_of_nodes(&quorum.runtime, nodes);
        let mutex = redsync.mutex(NAME).tries(2).retry_delay(Duration::from_secs(2));
        let error = quorum.block_on(mutex.lock()).expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
        let asked = one.calls()["SET"];
        assert!(asked > 50, "{asked}: there is a hint again and again");
        let looks = last.calls()["PTTL"];
        assert!(looks <= 3, "{is_refused}: {looks} looks");
    }
}

#[test]
fn where_nobody_can_be_told_calls_hand_on_without_a_pause_but_once_a_second() {
    let quorum = Quorum::of(3);
    let refusal = || ErrorReply::new("NOPERM", "this user has no permissions to run the 'pttl' command");
    quorum.nodes.iter().for_each(|node| node.refuse("PTTL", refusal()));
    let busy = async || {
        for _ in 0..100 {
            let guard = quorum.mutex().tries(1000).lock().await.expect("its turn comes");
            guard.release().await.expect("reachable");
        }
    };
    let begun = quorum.runtime.now();
    quorum.block_on(join_all((0..4).map(|_| busy())));
    let took = quorum.runtime.now().since(begun);
    // Two round trips each, and no more than a pause or two.
    assert!(took <= ms(2 * 400 + 500), "{took:?}");
}
