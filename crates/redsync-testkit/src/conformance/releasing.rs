//! Releasing a lock.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use redsync_core::{Released, wire::Native};

use super::{
    Lab,
    lab::{KEY, MINUTE},
};

pub async fn a_released_lock_is_gone_and_can_be_taken_again(lab: &Lab) {
    let redsync = lab.redsync().await;
    for _ in 0..3 {
        let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
        assert_eq!(lab.get(KEY), None);
    }
}

pub async fn a_missing_lock_is_no_error_to_release(lab: &Lab) {
    let redsync = lab.redsync().await;
    for _ in 0..2 {
        let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
        lab.bench.execute(&["DEL", KEY]);
        assert_eq!(guard.release().await.expect("reachable"), Released::AlreadyGone);
    }
    let released = redsync.mutex(KEY).with_value("job-1138").unlock().await.expect("reachable");
    assert_eq!(released, Released::AlreadyGone);
}

pub async fn a_lock_in_other_hands_is_left_alone(lab: &Lab) {
    let redsync = lab.redsync().await;
    for _ in 0..2 {
        let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
        lab.set(KEY, "a rival's");
        assert_eq!(guard.release().await.expect("reachable"), Released::AlreadyGone);
        redsync.settled().await;
        assert_eq!(lab.get(KEY).as_deref(), Some("a rival's"));
        lab.bench.execute(&["DEL", KEY]);
    }
}

pub async fn another_connection_releases_by_value(lab: &Lab) {
    let (handler, worker) = (lab.redsync().await, lab.redsync().await);
    handler.mutex(KEY).ttl(MINUTE).with_value("job-1138").lock().await.expect("free").leave();
    let wrong = worker.mutex(KEY).with_value("job-1139").unlock().await.expect("reachable");
    assert_eq!(wrong, Released::AlreadyGone);
    assert_eq!(lab.get(KEY).as_deref(), Some("job-1138"));
    let released = worker.mutex(KEY).with_value("job-1138").unlock().await.expect("reachable");
    assert_eq!(released, Released::Held);
    assert_eq!(lab.get(KEY), None);
}

pub async fn a_dropped_guard_releases(lab: &Lab) {
    let redsync = lab.redsync().await;
    drop(redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free"));
    lab.soon(redsync.settled()).await;
    assert_eq!(lab.get(KEY), None);
}

/// `DELIFEQ` or `DELEX`, learnt by the first release and used by the next ones.
pub async fn a_server_with_a_command_for_it_is_asked_by_that(lab: &Lab) {
    for (native, command) in [(Native::DelIfEq, "DELIFEQ"), (Native::DelEx, "DELEX")] {
        lab.bench.teach(native);
        let redsync = lab.troubled().await;
        let before = lab.bench.sent(command);
        for learnt in 0..3 {
            let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
            assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{native:?}");
            assert_eq!(lab.get(KEY), None);
            assert_eq!(lab.bench.sent(command), before + learnt, "not by the first, which asks");
        }
        for rival in [None, Some("a rival's")] {
            let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
            lab.bench.execute(&["DEL", KEY]);
            rival.inspect(|value| lab.set(KEY, value));
            let released = guard.release().await.expect("reachable");
            assert_eq!(released, Released::AlreadyGone, "{native:?}, then {rival:?}");
            assert_eq!(lab.get(KEY).as_deref(), rival);
            lab.bench.execute(&["DEL", KEY]);
        }
        assert_eq!(lab.bench.sent(command), before + 4, "also where it has nothing to delete");
        lab.bench.relieve();
    }
}
