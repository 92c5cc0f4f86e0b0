//! Fencing numbers, and the counters that they come from.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use std::time::Duration;

use redsync_core::{
    Answer, Error, ErrorKind, InvalidOption, Mutex, NodeErrorKind, Redsync, Released, Ttl, Value,
    wire::Command,
};

use super::{
    Lab,
    lab::{COUNTER, KEY, MINUTE, assert_rejected, call},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn mutex(redsync: &Redsync) -> Mutex {
    redsync.mutex(KEY).ttl(MINUTE).fenced()
}

fn fenced(value: &str) -> Command {
    let ttl = Ttl::new(MINUTE).expect("a TTL that Redis can count");
    Command::Acquire { value: Value::new(value), ttl, look: false, proposal: Some(7) }
}

/// An error of its one node, which certainly has executed nothing and says why.
fn assert_turned_away(error: &Error, why: &str) {
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let node = error.nodes().first().expect("one node");
    let Answer::Failed(answer) = node.answer() else { unreachable!("a rejection: {node:?}") };
    assert_eq!(answer.kind(), NodeErrorKind::Rejected, "{answer:?}");
    assert!(answer.to_string().to_lowercase().contains(why), "{answer}");
}

pub async fn numbers_rise_from_holder_to_holder_and_through_the_queue(lab: &Lab) {
    let redsync = lab.redsync().await;
    let plain = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    assert_eq!((plain.fence(), lab.counter()), (None, None), "only where it was asked for");
    assert_eq!(plain.release().await.expect("reachable"), Released::Held);
    let mut last = None;
    let mut rises = |fence: Option<u64>| {
        assert!(fence > last && lab.counter() == fence, "{fence:?} after {last:?}");
        last = fence;
    };
    for _ in 0..3 {
        let guard = mutex(&redsync).lock().await.expect("free");
        rises(guard.fence());
        guard.extend().await.expect("held");
        let token = guard.hand_over(MINUTE).await.expect("reachable");
        let guard = redsync.adopt(&token).await.expect("the only one");
        rises(guard.fence());
        guard.extend().await.expect("held");
        guard.hand_back(&token).await.expect("reachable");
        let guard = redsync.adopt(&token).await.expect("good again");
        rises(guard.fence());
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
    }
}

pub async fn a_counter_outlasts_its_lock_by_a_day_and_is_renewed_with_it(lab: &Lab) {
    let redsync = lab.redsync().await;
    let guard = mutex(&redsync).lock().await.expect("free");
    assert!(lab.ttl(COUNTER) > DAY && lab.ttl(COUNTER) <= DAY + MINUTE, "{:?}", lab.ttl(COUNTER));
    lab.bench.execute(&["PEXPIRE", COUNTER, "1000"]);
    guard.extend().await.expect("held");
    assert!(lab.ttl(COUNTER) > DAY, "{:?}", lab.ttl(COUNTER));
    let fence = guard.fence();
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
    assert_eq!((lab.get(KEY), lab.counter()), (None, fence));
}

/// The other nodes stand higher, so that this one's number does not count until it was raised.
pub async fn a_server_that_is_behind_is_raised_before_it_counts(lab: &Lab) {
    let (node, others) = (lab.bench.node().await, lab.memory_nodes());
    let redsync = lab.among(node, &others);
    let ahead = u64::MAX >> 12;
    others[0].set(COUNTER, &ahead.to_string(), None);
    others[1].stop();
    let guard = mutex(&redsync).lock().await.expect("two of three");
    assert_eq!((guard.fence(), lab.counter()), (Some(ahead + 1), Some(ahead + 1)));
    let token = guard.hand_over(MINUTE).await.expect("reachable");
    others[0].set(COUNTER, &(ahead + 9).to_string(), None);
    let guard = redsync.adopt(&token).await.expect("the only one");
    assert_eq!((guard.fence(), lab.counter()), (Some(ahead + 10), Some(ahead + 10)));
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
}

pub async fn a_server_that_lost_its_data_gets_lock_and_counter_when_the_lock_is_handed_over(lab: &Lab) {
    let (node, others) = (lab.bench.node().await, lab.memory_nodes());
    let redsync = lab.among(node.clone(), &others);
    let guard = mutex(&redsync).wait_for_all(true).lock().await.expect("free");
    lab.bench.restart_empty();
    lab.until_reachable(&node).await;
    assert_eq!((lab.get(KEY), lab.counter()), (None, None));
    let token = guard.hand_over(MINUTE).await.expect("two of three");
    assert_eq!(lab.get(KEY).as_deref(), Some(token.value()));
    assert_eq!(lab.counter(), token.fence());
    let guard = redsync.adopt(&token).await.expect("the only one");
    assert!(guard.fence() > token.fence());
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
}

pub async fn a_fenced_acquire_whose_reply_was_lost_is_executed_once(lab: &Lab) {
    let node = lab.bench.troubled_node().await;
    lab.until_reachable(&node).await;
    lab.bench.lose_replies("EVAL");
    let error = lab.soon(call(&node, &fenced("value"))).await.expect_err("lost");
    assert_eq!(error.kind(), NodeErrorKind::Unknown, "{error:?}");
    lab.until(|| lab.get(KEY).is_some()).await;
    assert_eq!(lab.counter(), Some(7));
    lab.bench.execute(&["DEL", KEY]);
    lab.bench.relieve();
    lab.until_reachable(&node).await;
    assert_eq!((lab.get(KEY), lab.counter()), (None, Some(7)), "it was sent once");
}

/// The number of a round whose reply was lost stays unused.
pub async fn a_fenced_lock_is_taken_in_spite_of_lost_replies(lab: &Lab) {
    let redsync = lab.troubled().await;
    let mutex = mutex(&redsync).tries(1000).retry_delay(Duration::from_millis(5));
    drop(lab.soon(mutex.lock()).await.expect("free"));
    lab.soon(redsync.settled()).await;
    let before = lab.counter();
    lab.bench.lose_replies("EVALSHA");
    let mut lock = std::pin::pin!(mutex.lock());
    while lab.counter() == before {
        assert!(lab.within(Duration::from_millis(5), &mut lock).await.is_none(), "no reply came");
    }
    let lost = lab.counter();
    lab.bench.relieve();
    let guard = lab.soon(lock).await.expect("free");
    assert!(guard.fence() > lost, "{:?} after {lost:?}", guard.fence());
    assert_eq!(lab.get(KEY).as_deref(), Some(guard.value()));
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
}

/// A copy of a request that came before has drawn the number that counts.
pub async fn a_repeated_acquire_tells_the_number_again(lab: &Lab) {
    let node = lab.bench.node().await;
    let first = call(&node, &fenced("value")).await.expect("free");
    lab.bench.execute(&["PEXPIRE", COUNTER, "1000"]);
    let second = call(&node, &fenced("value")).await.expect("an answer");
    assert_ne!(first, second, "one has set it, the other has found it");
    assert_eq!(lab.counter(), Some(7));
    assert!(lab.ttl(COUNTER) > DAY, "{:?}", lab.ttl(COUNTER));
    call(&node, &fenced("another value")).await.expect("an answer");
    assert_eq!((lab.get(KEY).as_deref(), lab.counter()), (Some("value"), Some(7)), "a refusal draws none");
}

pub async fn the_same_fixed_value_is_refused_as_such_with_a_number_too(lab: &Lab) {
    let (redsync, rival) = (lab.redsync().await, lab.redsync().await);
    let guard = mutex(&redsync).with_value("job-1138").lock().await.expect("free");
    let error = mutex(&rival).with_value("job-1138").try_lock().await.expect_err("held");
    assert_eq!(error.kind(), ErrorKind::HeldUnderThisValue, "{error}");
    let error = mutex(&rival).with_value("job-1139").try_lock().await.expect_err("held");
    assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
    rival.settled().await;
    assert_eq!(lab.counter(), guard.fence());
    assert_eq!(guard.release().await.expect("undisturbed"), Released::Held);
}

pub async fn a_counter_of_another_type_is_told_and_no_lock_is_set(lab: &Lab) {
    let redsync = lab.redsync().await;
    lab.bench.execute(&["RPUSH", COUNTER, "item"]);
    let error = mutex(&redsync).try_lock().await.expect_err("no number");
    assert_turned_away(&error, "wrongtype");
    let node = lab.bench.node().await;
    assert_rejected(&call(&node, &fenced("value")).await.expect_err("no number"), "WRONGTYPE");
    assert_eq!(lab.get(KEY), None, "nothing was set");
    redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("no number is needed").leave();
}

/// Also the lock of a guard that is held stays as it was, rather than half renewed.
pub async fn a_renewal_is_told_of_a_counter_of_another_type_and_changes_nothing(lab: &Lab) {
    let redsync = lab.redsync().await;
    let guard = mutex(&redsync).lock().await.expect("free");
    lab.bench.execute(&["DEL", COUNTER]);
    lab.bench.execute(&["RPUSH", COUNTER, "item"]);
    lab.bench.execute(&["PEXPIRE", KEY, "10000"]);
    assert_turned_away(&guard.extend().await.expect_err("no number"), "wrongtype");
    assert!(lab.ttl(KEY) <= Duration::from_secs(10), "{:?}", lab.ttl(KEY));
    assert_eq!(guard.release().await.expect("no number is needed"), Released::Held);
}

pub async fn a_user_without_the_right_to_the_time_is_told_so(lab: &Lab) {
    let redsync = lab.over(lab.bench.node_as_user().await);
    lab.bench.forbid("TIME");
    assert_turned_away(&mutex(&redsync).try_lock().await.expect_err("forbidden"), "command");
    assert_eq!((lab.get(KEY), lab.counter()), (None, None), "nothing was set");
    redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("no number is needed").leave();
    lab.bench.execute(&["DEL", KEY]);
    lab.bench.relieve();
    let token = mutex(&redsync).lock().await.expect("allowed again").hand_over(MINUTE).await;
    let token = token.expect("reachable");
    lab.bench.forbid("TIME");
    let error = redsync.mutex(KEY).tries(1).adopt(&token).await.expect_err("forbidden");
    assert_turned_away(&error, "command");
    assert_eq!((lab.get(KEY).as_deref(), lab.counter()), (Some(token.value()), token.fence()));
    lab.bench.relieve();
    drop(redsync.adopt(&token).await.expect("as good as before"));
}

pub async fn a_user_without_the_right_to_the_counter_is_told_so(lab: &Lab) {
    let redsync = lab.over(lab.bench.node_as_user().await);
    lab.bench.confine(KEY);
    assert_turned_away(&mutex(&redsync).try_lock().await.expect_err("forbidden"), "permission");
    assert_eq!((lab.get(KEY), lab.counter()), (None, None), "nothing was set");
    redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("no number is needed").leave();
    lab.bench.execute(&["DEL", KEY]);
    lab.bench.relieve();
    drop(mutex(&redsync).lock().await.expect("allowed again"));
}

pub async fn counters_lie_in_the_slots_of_their_locks(lab: &Lab) {
    let redsync = lab.redsync().await;
    for (name, counter) in [
        ("invoice:42", "{invoice:42}:fence"),
        ("{tenant}:42", "{tenant}:42:fence"),
        ("a{b}c{d}", "a{b}c{d}:fence"),
        ("a{b", "{a{b}:fence"),
        ("two words\r\n", "{two words\r\n}:fence"),
    ] {
        let guard = redsync.mutex(name).ttl(MINUTE).fenced().lock().await.expect("free");
        let told =
            |fence: Option<u64>| assert_eq!(lab.get(counter), fence.map(|it| it.to_string()), "{name}");
        told(guard.fence());
        let token = guard.hand_over(MINUTE).await.expect("reachable");
        let guard = redsync.adopt(&token).await.expect("the only one");
        told(guard.fence());
        assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{name}");
    }
    for name in ["a}b", "{}a"] {
        let error = redsync.mutex(name).fenced().lock().await.expect_err("no room for the counter");
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
        let option = redsync.mutex(name).fenced().check().expect_err("no room for the counter");
        assert!(matches!(option, InvalidOption::FencedName(_)), "{option}");
        let token = redsync.mutex(name).ttl(MINUTE).lock().await.expect("free").hand_over(MINUTE).await;
        let guard = redsync.adopt(&token.expect("reachable")).await.expect("the only one");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{name}");
    }
}
