//! Waiting for a lock that somebody else has. A driver that cannot tell when a key may be free leaves that to polling.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use redsync_core::{Hint, Mutex, Node, Released};

use super::{
    Lab,
    lab::{KEY, MINUTE},
};

/// A lock that is polled for only where nothing else would tell that it is free.
fn patient(lab: &Lab, node: &Arc<dyn Node>) -> Mutex {
    let pause = if node.watch(Arc::from(KEY)).is_some() { MINUTE } else { Duration::from_millis(20) };
    lab.over(Arc::clone(node)).mutex(KEY).ttl(MINUTE).tries(1000).retry_delay(pause)
}

pub async fn a_lock_is_had_as_soon_as_its_holder_releases_it(lab: &Lab) {
    let holder = lab.redsync().await.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    let mutex = patient(lab, &lab.bench.node().await);
    let release = async {
        lab.sleep(Duration::from_millis(100)).await;
        holder.release().await.expect("reachable")
    };
    let (guard, released) = lab.soon(join(mutex.lock(), release)).await;
    assert_eq!(released, Released::Held);
    assert_eq!(lab.get(KEY).as_deref(), Some(guard.expect("free by then").value()));
}

pub async fn a_lock_is_had_as_soon_as_any_client_deletes_it(lab: &Lab) {
    lab.set(KEY, "another client's");
    let mutex = patient(lab, &lab.bench.node().await);
    let delete = async {
        lab.sleep(Duration::from_millis(100)).await;
        lab.bench.execute(&["DEL", KEY]);
    };
    drop(lab.soon(join(mutex.lock(), delete)).await.0.expect("free by then"));
}

pub async fn a_lock_is_had_as_soon_as_it_expires(lab: &Lab) {
    lab.bench.execute(&["SET", KEY, "another client's", "PX", "300"]);
    let mutex = patient(lab, &lab.bench.node().await);
    drop(lab.soon(mutex.lock()).await.expect("over by then"));
}

pub async fn a_lock_is_had_in_spite_of_a_restart_while_it_is_waited_for(lab: &Lab) {
    lab.set(KEY, "another client's");
    let mutex = patient(lab, &lab.bench.node().await);
    let restart = async {
        lab.sleep(Duration::from_millis(100)).await;
        lab.bench.restart_empty();
    };
    drop(lab.soon(join(mutex.lock(), restart)).await.0.expect("free by then"));
}

pub async fn a_user_who_may_not_watch_keys_polls(lab: &Lab) {
    lab.set(KEY, "another client's");
    let node = lab.bench.node_as_user().await;
    lab.bench.forbid("PTTL");
    if let Some(watch) = node.watch(Arc::from(KEY)) {
        lab.soon(watch).await.expect_err("not allowed to");
    }
    let mutex = lab.over(node).mutex(KEY).ttl(MINUTE).tries(1000).retry_delay(Duration::from_millis(20));
    let delete = async {
        lab.sleep(Duration::from_millis(100)).await;
        lab.bench.execute(&["DEL", KEY]);
    };
    drop(lab.soon(join(mutex.lock(), delete)).await.0.expect("free by then"));
}

pub async fn a_key_is_watched_until_it_changes(lab: &Lab) {
    let node = lab.bench.node().await;
    let Some(free) = node.watch(Arc::from("free")) else {
        return a_lock_is_had_as_soon_as_any_client_deletes_it(lab).await;
    };
    assert_eq!(lab.soon(free).await.expect("reachable"), Hint::Free);
    lab.set(KEY, "another client's");
    let mut first = node.watch(Arc::from(KEY)).expect("as before");
    assert!(lab.within(Duration::from_millis(200), &mut first).await.is_none(), "nothing has changed");
    lab.set("another key", "value");
    assert!(lab.within(Duration::from_millis(200), &mut first).await.is_none(), "nothing has changed here");
    lab.set(KEY, "a third client's");
    assert_eq!(lab.soon(first).await.expect("reachable"), Hint::Changed);
}
