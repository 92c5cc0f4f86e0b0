//! Extending a lock.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use redsync_core::ErrorKind;

use super::{
    Lab,
    lab::{KEY, MINUTE},
};

pub async fn an_extension_lengthens_the_ttl_and_never_shortens_it(lab: &Lab) {
    let redsync = lab.redsync().await;
    let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    lab.bench.execute(&["PEXPIRE", KEY, "10000"]);
    guard.extend().await.expect("held");
    assert!(lab.ttl(KEY) > MINUTE / 2, "{:?}", lab.ttl(KEY));
    lab.bench.execute(&["PEXPIRE", KEY, "600000"]);
    guard.extend().await.expect("held");
    assert!(lab.ttl(KEY) > MINUTE * 5, "{:?}", lab.ttl(KEY));
}

pub async fn an_extension_of_a_missing_lock_is_told_and_creates_nothing(lab: &Lab) {
    let redsync = lab.redsync().await;
    let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    lab.bench.execute(&["DEL", KEY]);
    let error = guard.extend().await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    assert!(!guard.is_valid());
    redsync.settled().await;
    assert_eq!(lab.get(KEY), None);
}

pub async fn an_extension_of_a_lock_in_other_hands_is_told_and_changes_nothing(lab: &Lab) {
    let redsync = lab.redsync().await;
    let guard = redsync.mutex(KEY).ttl(MINUTE * 2).lock().await.expect("free");
    lab.set(KEY, "a rival's");
    let error = guard.extend().await.expect_err("in other hands");
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    redsync.settled().await;
    assert_eq!(lab.get(KEY).as_deref(), Some("a rival's"));
    assert!(lab.ttl(KEY) <= MINUTE);
}

pub async fn an_extension_can_set_a_missing_lock_anew(lab: &Lab) {
    let redsync = lab.redsync().await;
    let guard = redsync.mutex(KEY).ttl(MINUTE).revive_on_extend(true).lock().await.expect("free");
    lab.bench.execute(&["DEL", KEY]);
    guard.extend().await.expect("nobody else has it");
    assert_eq!(lab.get(KEY).as_deref(), Some(guard.value()));
    lab.set(KEY, "a rival's");
    assert_eq!(guard.extend().await.expect_err("in other hands").kind(), ErrorKind::Lost);
    assert_eq!(lab.get(KEY).as_deref(), Some("a rival's"));
}
