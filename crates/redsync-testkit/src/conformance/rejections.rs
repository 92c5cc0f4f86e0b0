//! Servers that turn commands away.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use redsync_core::{Answer, ErrorKind, NodeErrorKind, Released};

use super::{
    Lab,
    lab::{KEY, MINUTE, assert_rejected, set},
};

pub async fn a_read_only_replica_is_told_and_works_once_it_is_a_master(lab: &Lab) {
    is_told_and_works_afterwards(lab, "READONLY", |lab| lab.bench.make_replica()).await;
}

pub async fn a_server_that_is_loading_is_told_and_works_afterwards(lab: &Lab) {
    const ERROR: &str = "LOADING Redis is loading the dataset in memory";
    is_told_and_works_afterwards(lab, "LOADING", |lab| lab.bench.refuse(ERROR)).await;
}

pub async fn a_server_that_cannot_save_is_told_and_works_afterwards(lab: &Lab) {
    const ERROR: &str =
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.";
    is_told_and_works_afterwards(lab, "MISCONF", |lab| lab.bench.refuse(ERROR)).await;
}

pub async fn a_server_out_of_memory_is_told_and_works_afterwards(lab: &Lab) {
    is_told_and_works_afterwards(lab, "OOM", |lab| lab.bench.exhaust_memory()).await;
}

async fn is_told_and_works_afterwards(lab: &Lab, code: &str, trouble: fn(&Lab)) {
    let node = lab.bench.troubled_node().await;
    lab.until_reachable(&node).await;
    trouble(lab);
    assert_rejected(&node.call(set(KEY, "value")).await.expect_err("turned away"), code);
    let error = lab.over(node.clone()).mutex(KEY).tries(1).lock().await.expect_err("turned away");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains(code), "{error}");
    lab.bench.relieve();
    assert_eq!(lab.get(KEY), None, "nothing was set");
    lab.over(node).mutex(KEY).ttl(MINUTE).lock().await.expect("well again").leave();
}

/// What frees memory, or takes none, is not denied.
pub async fn a_lock_is_extended_and_released_without_memory(lab: &Lab) {
    let redsync = lab.redsync().await;
    for _ in 0..2 {
        let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
        lab.bench.exhaust_memory();
        guard.extend().await.expect("held");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
        lab.bench.relieve();
    }
}

pub async fn other_words_of_refusal_are_told_too(lab: &Lab) {
    let node = lab.bench.troubled_node().await;
    lab.until_reachable(&node).await;
    for error in [
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "NOREPLICAS Not enough good replicas to write.",
        "NOAUTH Authentication required.",
    ] {
        lab.bench.refuse(error);
        let code = error.split(' ').next().expect("a first word");
        assert_rejected(&node.call(set(KEY, "value")).await.expect_err("turned away"), code);
    }
    lab.bench.relieve();
    lab.until_reachable(&node).await;
    assert_eq!(lab.get(KEY), None, "nothing was set");
}

pub async fn an_error_that_redis_does_not_know_proves_nothing(lab: &Lab) {
    let node = lab.bench.troubled_node().await;
    lab.until_reachable(&node).await;
    lab.bench.refuse("ERR upstream failure");
    let error = node.call(set(KEY, "value")).await.expect_err("an error of a proxy");
    assert_eq!((error.kind(), error.code()), (NodeErrorKind::Unknown, Some("ERR")), "{error:?}");
    let error = lab.over(node).mutex(KEY).tries(1).lock().await.expect_err("an error of a proxy");
    assert!(matches!(error.nodes().first().expect("one node").answer(), Answer::Unknown(_)), "{error:?}");
    lab.bench.relieve();
}
