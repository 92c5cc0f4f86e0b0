//! The life of a lock: taken, refused to a rival, extended, released, and handed over by its value.

use std::time::Duration;

use redsync_core::{ErrorKind, Mutex, Redsync, Released};

use super::Driver;
use super::stage::Stage;

const TTL: Duration = Duration::from_secs(30);
/// Longer than a busy machine stands still.
const NODE_TIMEOUT: Duration = Duration::from_secs(5);
/// Clusters put names into slots by what stands in braces.
const NAMES: [&str; 4] = ["report:7", "{report}:7", "report:{7}:{8}", "report:{}"];
const VALUE: &str = "job-1138";

/// Plays all of it between two users with connections of their own.
pub(super) async fn live<D: Driver>(stage: &Stage<'_>) {
    let (here, there) = (stage.redsync::<D>().await, stage.redsync::<D>().await);
    for name in NAMES {
        take_extend_release(stage, &here, &there, name).await;
        take_extend_release(stage, &there, &here, name).await;
        hand_over(stage, &here, &there, name).await;
    }
}

/// Takes no lock, and says that it is for want of nodes.
pub(super) async fn is_unreachable<D: Driver>(stage: &Stage<'_>) {
    let redsync = stage.redsync::<D>().await;
    let [name, ..] = NAMES;
    let error = mutex(&redsync, name).tries(3).lock().await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    redsync.settled().await;
    stage.assert_holds(name, None);
}

async fn take_extend_release(stage: &Stage<'_>, here: &Redsync, there: &Redsync, name: &str) {
    let guard = mutex(here, name).try_lock().await.expect("it is free");
    here.settled().await;
    stage.assert_holds(name, Some(guard.value()));
    let refusal = mutex(there, name).try_lock().await.expect_err("it is taken");
    assert_eq!(refusal.kind(), ErrorKind::Taken, "{refusal}");

    stage.shorten(name, 10_000);
    guard.extend().await.expect("it is held");
    here.settled().await;
    stage.assert_lasts(name, 20_000);
    assert!(guard.is_valid());

    assert_eq!(guard.release().await.expect("the nodes answer"), Released::Held);
    here.settled().await;
    stage.assert_holds(name, None);
}

/// One user takes the lock under a value; another one, who knows it, extends and releases it.
async fn hand_over(stage: &Stage<'_>, here: &Redsync, there: &Redsync, name: &str) {
    let (taken, passed_on) = (mutex(here, name).with_value(VALUE), mutex(there, name).with_value(VALUE));
    taken.try_lock().await.expect("it is free").leave();
    here.settled().await;
    stage.assert_holds(name, Some(VALUE));
    let refusal = passed_on.try_lock().await.expect_err("it is taken");
    assert_eq!(refusal.kind(), ErrorKind::HeldUnderThisValue, "{refusal}");

    stage.shorten(name, 10_000);
    passed_on.extend().await.expect("it is held under this value");
    there.settled().await;
    stage.assert_lasts(name, 20_000);

    assert_eq!(passed_on.unlock().await.expect("the nodes answer"), Released::Held);
    there.settled().await;
    stage.assert_holds(name, None);
    stage.assert_found_nothing(passed_on.unlock().await.expect("the nodes answer"));
}

fn mutex(redsync: &Redsync, name: &str) -> Mutex {
    redsync.mutex(name).ttl(TTL).node_timeout(NODE_TIMEOUT)
}
