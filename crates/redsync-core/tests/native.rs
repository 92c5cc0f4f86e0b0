//! Servers that compare and delete by a command of their own.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

mod common;

use common::{NAME, Quorum, ms};
use redsync_core::{Delivery, Released, wire::Native};
use redsync_testkit::memory::ErrorReply;

const BOTH: [(Native, &str); 2] = [(Native::DelIfEq, "DELIFEQ"), (Native::DelEx, "DELEX")];

/// Locks and releases once, and returns the requests of the release.
fn release(quorum: &Quorum) -> Vec<(String, usize)> {
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.settle();
    quorum.nodes[0].forget_calls();
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    quorum.settle();
    assert_eq!(quorum.keys_left(), 0);
    quorum.nodes[0].calls().into_iter().collect()
}

fn once(command: &str) -> Vec<(String, usize)> {
    vec![(command.to_owned(), 1)]
}

fn noperm() -> ErrorReply {
    ErrorReply::new("NOPERM", "this user has no permissions to run the command")
}

#[test]
fn the_first_release_asks_for_the_command_and_further_ones_use_it() {
    for (native, command) in BOTH {
        let quorum = Quorum::of(1);
        quorum.nodes[0].set_native(Some(native));
        assert_eq!(release(&quorum), once("EVAL"), "{native:?}");
        for _ in 0..3 {
            assert_eq!(release(&quorum), once(command));
        }
    }
}

#[test]
fn a_server_without_the_command_is_asked_once() {
    let quorum = Quorum::of(1);
    assert_eq!(release(&quorum), once("EVAL"));
    assert_eq!(release(&quorum), once("EVALSHA"));
}

#[test]
fn a_command_that_deleted_nothing_leaves_it_to_the_script_to_say_why() {
    for (native, command) in BOTH {
        let quorum = Quorum::of(1);
        quorum.nodes[0].set_native(Some(native));
        release(&quorum);
        for (rival, expected) in [(None, Released::AlreadyGone), (Some("a rival's"), Released::AlreadyGone)] {
            let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
            quorum.nodes[0].wipe();
            rival.inspect(|value| quorum.nodes[0].set(NAME, value, Some(ms(60_000))));
            quorum.nodes[0].forget_calls();
            assert_eq!(quorum.block_on(guard.release()).expect("reachable"), expected);
            assert_eq!(quorum.nodes[0].get(NAME).as_deref(), rival);
            assert_eq!(quorum.nodes[0].calls().get(command), Some(&1));
            quorum.nodes[0].wipe();
        }
    }
}

#[test]
fn a_server_that_has_lost_the_command_is_released_by_script() {
    for (native, command) in BOTH {
        let quorum = Quorum::of(1);
        quorum.nodes[0].set_native(Some(native));
        release(&quorum);
        quorum.nodes[0].set_native(None);
        let expected = vec![(command.to_owned(), 1), ("EVALSHA".to_owned(), 1)];
        assert_eq!(release(&quorum), expected, "{native:?}");
        assert_eq!(release(&quorum), once("EVALSHA"));
    }
}

/// A user may have been allowed the digests of scripts only, or may lose the right to the command.
#[test]
fn a_user_who_may_not_use_a_command_releases_by_what_is_left() {
    let quorum = Quorum::of(1);
    quorum.nodes[0].refuse("EVAL", noperm());
    assert_eq!(release(&quorum), [("EVAL".to_owned(), 1), ("EVALSHA".to_owned(), 1)]);
    assert_eq!(release(&quorum), once("EVALSHA"));

    let quorum = Quorum::of(1);
    quorum.nodes[0].set_native(Some(Native::DelIfEq));
    release(&quorum);
    quorum.nodes[0].refuse("DELIFEQ", noperm());
    assert_eq!(release(&quorum), [("DELIFEQ".to_owned(), 1), ("EVALSHA".to_owned(), 1)]);
    assert_eq!(release(&quorum), once("EVALSHA"));
}

/// The passing trouble of a server says nothing about its commands.
#[test]
fn a_server_that_is_loading_is_asked_again() {
    let quorum = Quorum::of(1);
    quorum.nodes[0].set_native(Some(Native::DelEx));
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    quorum.nodes[0].refuse_all(ErrorReply::new("LOADING", "Redis is loading the dataset in memory"));
    let error = quorum.block_on(guard.release()).expect_err("turned away");
    quorum.nodes[0].refuse_none();
    assert_eq!(quorum.block_on(error.into_guard().release()).expect("reachable"), Released::Held);
    assert_eq!(release(&quorum), once("DELEX"));
}

/// "Not deleted" of the command would have to be followed by a second request.
#[test]
fn a_fixed_value_is_released_by_one_script_always() {
    let quorum = Quorum::of(1);
    quorum.nodes[0].set_native(Some(Native::DelIfEq));
    release(&quorum);
    let guard = quorum.block_on(quorum.mutex().with_value("v").lock()).expect("free");
    quorum.nodes[0].forget_calls();
    assert_eq!(quorum.block_on(guard.release()).expect("reachable"), Released::Held);
    assert_eq!(quorum.nodes[0].calls().into_iter().collect::<Vec<_>>(), once("EVAL"));
}

/// A rejection says nothing about an earlier copy of the request.
#[test]
fn a_node_whose_client_may_repeat_requests_is_released_by_script_always() {
    let quorum = Quorum::build(1, |node| node.delivering(Delivery::MayRepeat));
    assert_eq!(redsync_core::Node::delivery(&quorum.nodes[0]), Delivery::MayRepeat);
    quorum.nodes[0].set_native(Some(Native::DelEx));
    assert_eq!(release(&quorum), once("EVALSHA"));
    assert_eq!(release(&quorum), once("EVALSHA"));
}

/// By value alone as well: the second request could come when a rival has the lock under the same value.
#[test]
fn an_unlock_of_a_fixed_value_takes_one_request_always() {
    for native in [None, Some(Native::DelIfEq), Some(Native::DelEx)] {
        for is_held in [true, false] {
            let quorum = Quorum::of(1);
            quorum.nodes[0].set_native(native);
            release(&quorum);
            quorum.nodes[0].flush_scripts();
            if is_held {
                quorum.nodes[0].set(NAME, "v", Some(ms(60_000)));
            }
            quorum.nodes[0].forget_calls();
            let released = quorum.block_on(quorum.mutex().with_value("v").unlock()).expect("reachable");
            assert_eq!(released, if is_held { Released::Held } else { Released::AlreadyGone });
            assert_eq!(quorum.nodes[0].calls().into_iter().collect::<Vec<_>>(), once("EVAL"));
        }
    }
}

/// A proxy before the server does not know what the server told from within a script.
#[test]
fn a_command_that_does_not_get_through_is_tried_once() {
    for (code, detail) in [("unsupported", "command 'DELIFEQ'"), ("ERR", "unsupported command 'DELIFEQ'")] {
        let quorum = Quorum::of(1);
        quorum.nodes[0].set_native(Some(Native::DelIfEq));
        release(&quorum);
        quorum.nodes[0].refuse("DELIFEQ", ErrorReply::new(code, detail));
        let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
        quorum.nodes[0].forget_calls();
        assert_eq!(quorum.block_on(guard.release()).expect("the next try is by script"), Released::Held);
        assert_eq!(quorum.nodes[0].calls()["DELIFEQ"], 1, "{detail}");
        assert_eq!(release(&quorum), once("EVALSHA"));
    }
}

#[test]
fn a_command_that_was_answered_before_survives_a_lost_reply() {
    let quorum = Quorum::of(1);
    quorum.nodes[0].set_native(Some(Native::DelIfEq));
    release(&quorum);
    release(&quorum);
    let guard = quorum.block_on(quorum.mutex().release_tries(1).lock()).expect("free");
    quorum.nodes[0].lose_replies(redsync_testkit::memory::Loss::Broken);
    quorum.block_on(guard.release()).expect_err("lost");
    quorum.nodes[0].lose_replies(redsync_testkit::memory::Loss::Never);
    quorum.settle();
    assert_eq!(release(&quorum), once("DELIFEQ"));
}
