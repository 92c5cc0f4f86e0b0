//! Scripts that the server has forgotten, users with few rights, keys of another type.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use redsync_core::{Answer, Error, ErrorKind, Released};

use super::{
    Lab,
    lab::{KEY, MINUTE, acquire, assert_rejected, call, extend, release},
};

pub async fn scripts_go_by_digest_and_as_text_after_a_flush(lab: &Lab) {
    let redsync = lab.redsync().await;
    let mutex = redsync.mutex(KEY).ttl(MINUTE);
    for flush in [false, true, true] {
        let guard = mutex.lock().await.expect("free");
        if flush {
            lab.bench.flush_scripts();
        }
        for _ in 0..3 {
            guard.extend().await.expect("held");
        }
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
    }
    let (texts, digests) = (lab.bench.calls("EVAL"), lab.bench.calls("EVALSHA"));
    let guard = mutex.lock().await.expect("free");
    guard.extend().await.expect("held");
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
    assert_eq!(lab.bench.calls("EVAL"), texts, "no text once it is known");
    assert!(lab.bench.calls("EVALSHA") > digests);
}

pub async fn a_user_who_may_not_run_scripts_is_told_so(lab: &Lab) {
    let node = lab.bench.node_as_user().await;
    let redsync = lab.over(node.clone());
    let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    lab.bench.forbid("EVALSHA");
    lab.bench.forbid("EVAL");
    assert_rejected(&call(&node, &extend(guard.value())).await.expect_err("forbidden"), "NOPERM");
    assert_noperm(&guard.extend().await.expect_err("forbidden"), "eval");
    let error = guard.release().await.expect_err("forbidden");
    assert_noperm(error.error(), "eval");
    assert_eq!(lab.get(KEY).as_deref(), Some(error.into_guard().value()), "nothing has changed");
}

pub async fn a_user_who_may_not_set_keys_is_told_so(lab: &Lab) {
    let redsync = lab.over(lab.bench.node_as_user().await);
    lab.bench.forbid("SET");
    let error = redsync.mutex(KEY).ttl(MINUTE).tries(1).lock().await.expect_err("forbidden");
    assert_noperm(&error, "set");
    lab.bench.relieve();
    assert_eq!(lab.get(KEY), None);
    redsync.mutex(KEY).try_lock().await.expect("allowed again").leave();
}

/// An error that says what happened, at which node.
fn assert_noperm(error: &Error, command: &str) {
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let node = error.nodes().first().expect("one node");
    let Answer::Failed(answer) = node.answer() else { unreachable!("a rejection: {node:?}") };
    assert_rejected(answer, "NOPERM");
    assert!(answer.to_string().contains(command), "{answer}");
    assert!(error.to_string().contains(node.label()), "{error}");
}

pub async fn a_key_of_another_type_is_taken_and_left_alone(lab: &Lab) {
    let redsync = lab.redsync().await;
    lab.bench.execute(&["RPUSH", KEY, "item"]);
    for mutex in [redsync.mutex(KEY), redsync.mutex(KEY).with_value("job-1138")] {
        let error = mutex.tries(1).lock().await.expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
        redsync.settled().await;
    }
    let node = lab.bench.node().await;
    assert_eq!(
        call(&node, &acquire("value", true)).await.expect("an answer"),
        redsync_core::Reply::Integer(0)
    );
}

pub async fn an_extension_or_release_of_another_type_is_rejected(lab: &Lab) {
    let node = lab.bench.node().await;
    lab.bench.execute(&["RPUSH", KEY, "item"]);
    for command in [extend("value"), release("value")] {
        let error = call(&node, &command).await.expect_err("another type");
        assert_rejected(&error, "WRONGTYPE");
    }
}
