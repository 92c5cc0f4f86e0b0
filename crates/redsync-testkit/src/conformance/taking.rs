//! Taking a lock.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use std::time::Duration;

use redsync_core::{ErrorKind, InvalidOption, Released, Ttl};

use super::{
    Lab,
    lab::{KEY, MINUTE},
};

pub async fn a_free_lock_is_taken_with_its_value_and_ttl(lab: &Lab) {
    let redsync = lab.redsync().await;
    let guard = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    assert_eq!(lab.get(KEY).as_deref(), Some(guard.value()));
    assert!(lab.ttl(KEY) <= MINUTE && lab.ttl(KEY) > MINUTE / 2, "{:?}", lab.ttl(KEY));
    assert!(guard.is_valid() && guard.valid_for() < MINUTE);
}

pub async fn a_taken_lock_is_refused_and_left_alone(lab: &Lab) {
    let redsync = lab.redsync().await;
    lab.set(KEY, "a rival's");
    let error = redsync.mutex(KEY).ttl(MINUTE * 2).tries(2).lock().await.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
    redsync.settled().await;
    assert_eq!(lab.get(KEY).as_deref(), Some("a rival's"));
    assert!(lab.ttl(KEY) <= MINUTE);
}

pub async fn a_lock_is_free_again_when_its_ttl_is_over(lab: &Lab) {
    let redsync = lab.redsync().await;
    let ttl = Duration::from_millis(500);
    redsync.mutex(KEY).ttl(ttl).lock().await.expect("free").leave();
    let start = lab.now();
    let mutex = redsync.mutex(KEY).ttl(MINUTE).tries(1000).retry_delay(Duration::from_millis(5));
    let guard = lab.soon(mutex.lock()).await.expect("free in time");
    assert!(lab.now().since(start) > ttl / 2, "it waited for the TTL");
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
}

pub async fn of_many_contenders_one_wins(lab: &Lab) {
    let mut wins = 0;
    let redsync = [lab.redsync().await, lab.redsync().await, lab.redsync().await];
    for contender in redsync.iter().cycle().take(12) {
        match contender.mutex(KEY).ttl(MINUTE).try_lock().await {
            Ok(guard) => {
                wins += 1;
                guard.leave();
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Taken, "{error}"),
        }
    }
    assert_eq!(wins, 1);
}

pub async fn the_longest_and_the_shortest_ttl_are_kept(lab: &Lab) {
    let redsync = lab.redsync().await;
    let longest = Duration::from_millis(Ttl::MAX_MILLIS);
    let guard = redsync.mutex(KEY).ttl(longest).lock().await.expect("free");
    assert!(lab.ttl(KEY) > longest - MINUTE);
    guard.extend().await.expect("held");
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
    let error = redsync.mutex(KEY).ttl(longest + Duration::from_millis(1)).check().expect_err("too long");
    assert!(matches!(error, InvalidOption::Ttl(_)), "{error}");
    // The least that leaves some validity: it may be over before the reply is there, and then the lock was not had.
    let shortest = redsync.mutex(KEY).ttl(Duration::from_millis(4)).node_timeout(Duration::from_millis(1));
    match shortest.try_lock().await {
        Ok(guard) => drop(guard.release().await),
        Err(error) => assert_ne!(error.kind(), ErrorKind::InvalidOption, "{error}"),
    }
    lab.until(|| lab.get(KEY).is_none()).await;
}

pub async fn the_same_fixed_value_is_refused_as_such(lab: &Lab) {
    let (redsync, rival) = (lab.redsync().await, lab.redsync().await);
    let guard = redsync.mutex(KEY).ttl(MINUTE).with_value("job-1138").lock().await.expect("free");
    let error = rival.mutex(KEY).with_value("job-1138").try_lock().await.expect_err("held");
    assert_eq!(error.kind(), ErrorKind::HeldUnderThisValue, "{error}");
    let error = rival.mutex(KEY).with_value("job-1139").try_lock().await.expect_err("held");
    assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
    rival.settled().await;
    assert_eq!(guard.release().await.expect("undisturbed"), Released::Held);
}
