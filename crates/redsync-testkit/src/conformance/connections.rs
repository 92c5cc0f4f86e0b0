//! Connections that break, hang and come back.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use std::{future::poll_fn, task::Poll, time::Duration};

use redsync_core::{ErrorKind, Node, NodeErrorKind, Released, Reply};

use super::{
    Lab,
    lab::{KEY, MINUTE, assert_lost, call, ok, release, set},
};

pub async fn a_lost_request_is_unknown_and_is_not_sent_again(lab: &Lab) {
    let node = lab.bench.troubled_node().await;
    lab.until_reachable(&node).await;
    lab.bench.lose_requests("SET");
    let before = lab.bench.sent("SET");
    let error = lab.soon(node.call(set(KEY, "value"))).await.expect_err("lost");
    assert_eq!(error.kind(), NodeErrorKind::Unknown, "{error:?}");
    assert_eq!(lab.bench.sent("SET"), before + 1, "while copies are lost too");
    lab.bench.relieve();
    lab.until_reachable(&node).await;
    assert_eq!(lab.get(KEY), None, "it was not sent again");
}

pub async fn a_lost_reply_is_unknown_and_was_executed_once(lab: &Lab) {
    let node = lab.bench.troubled_node().await;
    lab.until_reachable(&node).await;
    lab.bench.lose_replies("SET");
    let before = lab.bench.sent("SET");
    let error = lab.soon(node.call(set(KEY, "value"))).await.expect_err("lost");
    assert_eq!(error.kind(), NodeErrorKind::Unknown, "{error:?}");
    assert_eq!(lab.bench.sent("SET"), before + 1, "while replies to copies are lost too");
    lab.bench.relieve();
    lab.until(|| lab.get(KEY).is_some()).await;
    lab.bench.execute(&["DEL", KEY]);
    lab.until_reachable(&node).await;
    assert_eq!(lab.get(KEY), None, "it was sent once");
}

pub async fn a_lost_reply_of_a_script_is_unknown_and_it_was_executed_once(lab: &Lab) {
    let node = lab.bench.troubled_node().await;
    lab.until_reachable(&node).await;
    lab.set(KEY, "value");
    lab.bench.lose_replies("EVAL");
    let before = lab.bench.sent("EVAL");
    let error = lab.soon(call(&node, &release("value"))).await.expect_err("lost");
    assert_eq!(error.kind(), NodeErrorKind::Unknown, "{error:?}");
    lab.bench.relieve();
    lab.until(|| lab.get(KEY).is_none()).await;
    lab.set(KEY, "value");
    lab.until_reachable(&node).await;
    assert_eq!(lab.get(KEY).as_deref(), Some("value"), "it was sent once");
    assert_eq!(lab.bench.sent("EVAL"), before + 1, "while replies to copies are lost too");
}

/// What a lost reply may have set is removed, and then the lock is taken; what a lost reply may have deleted is
/// looked at again.
pub async fn a_lock_is_taken_and_given_back_in_spite_of_lost_replies(lab: &Lab) {
    let redsync = lab.troubled().await;
    let mutex = redsync.mutex(KEY).ttl(MINUTE).tries(1000).retry_delay(Duration::from_millis(5));
    let mutex = mutex.release_tries(1000);
    drop(lab.soon(mutex.lock()).await.expect("free"));
    lab.soon(redsync.settled()).await;

    lab.bench.lose_replies("SET");
    let mut lock = std::pin::pin!(mutex.lock());
    assert!(lab.within(Duration::from_millis(50), &mut lock).await.is_none());
    lab.bench.relieve();
    let guard = lab.soon(lock).await.expect("free");
    assert_eq!(lab.get(KEY).as_deref(), Some(guard.value()));

    ["EVALSHA", "EVAL", "DELIFEQ", "DELEX"].into_iter().for_each(|command| lab.bench.lose_replies(command));
    let mut release = std::pin::pin!(guard.release());
    assert!(lab.within(Duration::from_millis(50), &mut release).await.is_none());
    lab.bench.relieve();
    assert_eq!(lab.soon(release).await.expect("reachable"), Released::Unclear);
    assert_eq!(lab.get(KEY), None);
}

pub async fn a_lost_connection_comes_back_by_itself(lab: &Lab) {
    let redsync = lab.troubled().await;
    for _ in 0..3 {
        let mutex = redsync.mutex(KEY).ttl(MINUTE).tries(1000).retry_delay(Duration::from_millis(5));
        let guard = lab.soon(mutex.lock()).await.expect("free");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
        lab.bench.lose_requests("SET");
        let error = redsync.mutex(KEY).tries(1).lock().await.expect_err("lost");
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        lab.bench.relieve();
    }
}

pub async fn a_server_killed_in_mid_command_leaves_it_unknown(lab: &Lab) {
    let node = lab.bench.node().await;
    lab.until_reachable(&node).await;
    lab.bench.pause();
    let mut call = node.call(set(KEY, "value"));
    assert!(poll_once(&mut call).await.is_pending());
    lab.bench.kill();
    let error = lab.soon(call).await.expect_err("killed");
    assert_eq!(error.kind(), NodeErrorKind::Unknown, "{error:?}");
    assert_lost(&lab.soon(node.call(set(KEY, "value"))).await.expect_err("killed"));
    lab.bench.restart_empty();
}

pub async fn a_server_restarted_empty_is_used_again(lab: &Lab) {
    let node = lab.bench.node().await;
    let redsync = lab.over(node.clone());
    let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    lab.bench.restart_empty();
    lab.until_reachable(&node).await;
    assert_eq!(guard.extend().await.expect_err("empty").kind(), ErrorKind::Lost);
    assert_eq!(guard.release().await.expect("reachable"), Released::AlreadyGone);
    let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
}

pub async fn a_server_that_comes_later_is_found(lab: &Lab) {
    lab.bench.kill();
    let node = lab.bench.node().await;
    let error = lab.soon(node.call(set(KEY, "value"))).await.expect_err("no server");
    assert_eq!(error.kind(), NodeErrorKind::NotSent, "{error:?}");
    lab.bench.restart_empty();
    lab.until_reachable(&node).await;
}

/// A driver has no time-out of its own: a late reply is a reply.
pub async fn a_paused_server_delays_its_reply_and_nothing_else(lab: &Lab) {
    let node = lab.bench.node().await;
    lab.until_reachable(&node).await;
    lab.bench.pause();
    let mut waiting = node.call(set(KEY, "value"));
    assert!(lab.within(Duration::from_millis(1200), &mut waiting).await.is_none());
    lab.bench.relieve();
    assert_eq!(lab.soon(waiting).await.expect("a late reply"), ok());
    assert_eq!(lab.get(KEY).as_deref(), Some("value"));
    assert_eq!(lab.soon(node.call(set(KEY, "value"))).await.expect("an answer"), Reply::Nil);
}

pub async fn calls_return_by_their_deadline_while_the_server_is_paused(lab: &Lab) {
    let node = lab.bench.node().await;
    lab.until_reachable(&node).await;
    let redsync = lab.over(node);
    lab.bench.pause();
    let deadline = Duration::from_millis(200);
    let start = lab.now();
    let error = redsync.mutex(KEY).deadline(deadline).lock().await.expect_err("no answer");
    let took = lab.now().since(start);
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(took < deadline * 5, "{took:?}");
    lab.bench.relieve();
    lab.soon(redsync.settled()).await;
    assert_eq!(lab.get(KEY), None, "what came too late was undone");
}

pub async fn a_dropped_call_is_executed(lab: &Lab) {
    let node = lab.bench.node().await;
    for number in 0..50 {
        let _ = poll_once(&mut node.call(set(&format!("dropped {number}"), "value"))).await;
    }
    lab.until(|| (0..50).all(|number| lab.get(&format!("dropped {number}")).is_some())).await;
    drop(node.call(set("never polled", "value")));
    assert_eq!(lab.soon(node.call(set(KEY, "value"))).await.expect("an answer"), ok());
    assert_eq!(lab.get("never polled"), None);
}

pub async fn each_of_many_requests_gets_its_own_reply(lab: &Lab) {
    let node = lab.bench.node().await;
    lab.set(KEY, "value");
    lab.set("taken", "value");
    let requests = (0..300).map(|number| match number % 3 {
        0 => (node.call(set(&format!("free {number}"), "value")), ok()),
        1 => (node.call(set("taken", "value")), Reply::Nil),
        _ => (call(&node, &release("another value")), Reply::Integer(0)),
    });
    let mut waiting = Vec::new();
    for (mut request, expected) in requests {
        // The first poll hands it over, so that many are on their way together.
        match poll_once(&mut request).await {
            Poll::Ready(reply) => assert_eq!(reply.expect("an answer"), expected),
            Poll::Pending => waiting.push((request, expected)),
        }
    }
    for (request, expected) in waiting {
        assert_eq!(lab.soon(request).await.expect("an answer"), expected);
    }
}

pub async fn the_label_and_the_errors_keep_secrets(lab: &Lab) {
    let node = lab.bench.node_as_user().await;
    assert!(node.label().contains("127.0.0.1"), "{}", node.label());
    lab.bench.kill();
    let error = lab.soon(node.call(set(KEY, "capability"))).await.expect_err("killed");
    let redsync = lab.over(node.clone());
    let whole = redsync.mutex(KEY).with_value("capability").tries(1).lock().await.expect_err("killed");
    for text in
        [node.label().into_owned(), format!("{error} {error:?}"), format!("{whole} {whole:?} {redsync:?}")]
    {
        assert!(!text.contains("secret") && !text.contains("capability"), "{text}");
    }
    lab.bench.restart_empty();
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx))).await
}
