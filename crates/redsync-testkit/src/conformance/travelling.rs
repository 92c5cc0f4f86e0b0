//! Locks that are handed over, adopted and handed back.
#![expect(clippy::expect_used, reason = "cases of tests state what they expect")]

use std::{future::Future, task::Poll, time::Duration};

use redsync_core::{
    Answer, Error, ErrorKind, Guard, LockToken, Redsync, Released, Ttl, Value,
    wire::{Command, Counting},
};

use super::{
    Lab,
    lab::{COUNTER, KEY, MINUTE, assert_rejected, call},
};
use crate::memory::MemoryNode;

/// How long a token waits to be adopted.
const WAIT: Duration = Duration::from_secs(600);

async fn handed_over(redsync: &Redsync) -> LockToken {
    let guard = redsync.mutex(KEY).ttl(MINUTE).fenced().lock().await.expect("free");
    guard.hand_over(WAIT).await.expect("reachable")
}

/// A token whose time is soon over; the lock is taken for less, since handing it over never shortens its TTL.
async fn handed_over_for(redsync: &Redsync, wait: Duration) -> LockToken {
    let mutex = redsync.mutex(KEY).ttl(wait / 2).node_timeout(wait / 4);
    mutex.lock().await.expect("free").hand_over(wait).await.expect("reachable")
}

async fn adopted(redsync: &Redsync, token: &LockToken) -> Guard {
    redsync.adopt(token).await.expect("the only one")
}

async fn refused(redsync: &Redsync, token: &LockToken) -> Error {
    redsync.adopt(token).await.expect_err("not to be had")
}

/// A key of another type is the one thing here that proves nothing about who has the lock.
fn assert_wrong_type(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let node = error.nodes().first().expect("one node");
    let Answer::Failed(answer) = node.answer() else { unreachable!("a rejection: {node:?}") };
    assert_rejected(answer, "WRONGTYPE");
}

pub async fn a_token_is_adopted_once_and_the_second_is_told(lab: &Lab) {
    let (handler, workers) = (lab.redsync().await, [lab.redsync().await, lab.redsync().await]);
    let token = handed_over(&handler).await;
    assert_eq!(lab.get(KEY).as_deref(), Some(token.value()));
    assert!(lab.ttl(KEY) > WAIT, "{:?}", lab.ttl(KEY));
    let guard = adopted(&workers[0], &token).await;
    assert_eq!(refused(&workers[1], &token).await.kind(), ErrorKind::AlreadyAdopted);
    assert_eq!(lab.get(KEY).as_deref(), Some(guard.value()));
    assert!(lab.ttl(KEY) <= MINUTE, "{:?}", lab.ttl(KEY));
    assert!(guard.is_valid() && guard.value() != token.value());
    guard.extend().await.expect("held");
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
    assert_eq!(lab.get(KEY), None);
}

pub async fn a_lock_that_is_handed_back_is_adopted_again(lab: &Lab) {
    let redsync = lab.redsync().await;
    let token = handed_over(&redsync).await;
    for _ in 0..3 {
        let guard = adopted(&redsync, &token).await;
        guard.hand_back(&token).await.expect("reachable");
        assert_eq!(lab.get(KEY).as_deref(), Some(token.value()));
        assert!(lab.ttl(KEY) > WAIT, "{:?}", lab.ttl(KEY));
    }
    assert_eq!(adopted(&redsync, &token).await.release().await.expect("reachable"), Released::Held);
    lab.soon(redsync.settled()).await;
    assert_eq!(lab.get(KEY), None);
}

pub async fn a_token_whose_lock_is_gone_or_taken_is_told_so(lab: &Lab) {
    let redsync = lab.redsync().await;
    let token = handed_over_for(&redsync, Duration::from_millis(600)).await;
    lab.until(|| lab.get(KEY).is_none()).await;
    assert_eq!(refused(&redsync, &token).await.kind(), ErrorKind::Expired, "its time was over");
    let token = handed_over(&redsync).await;
    lab.bench.execute(&["DEL", KEY]);
    assert_eq!(refused(&redsync, &token).await.kind(), ErrorKind::Expired, "it was released");
    let rival = redsync.mutex(KEY).ttl(MINUTE).lock().await.expect("free");
    assert_eq!(refused(&redsync, &token).await.kind(), ErrorKind::Taken);
    lab.soon(redsync.settled()).await;
    assert_eq!(lab.get(KEY).as_deref(), Some(rival.value()), "it is left alone");
}

/// Nodes that missed the adoption hold the token's value still, which nobody else would remove.
pub async fn a_release_removes_what_the_lock_was_adopted_from_as_well(lab: &Lab) {
    for fixed in [false, true] {
        let (node, others) = (lab.bench.node().await, lab.memory_nodes());
        let redsync = lab.among(node, &others);
        let mutex = redsync.mutex(KEY).ttl(MINUTE);
        let mutex = if fixed { mutex.with_value("job-1138") } else { mutex };
        let token = mutex.wait_for_all(true).lock().await.expect("free").hand_over(WAIT).await;
        let token = token.expect("reachable");
        lab.set(KEY, "not there");
        let guard = adopted(&redsync, &token).await;
        lab.soon(redsync.settled()).await;
        lab.set(KEY, token.value());
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
        lab.soon(redsync.settled()).await;
        // A value that the caller has fixed may be a rival's by now.
        let left = fixed.then_some("job-1138");
        assert_eq!(lab.get(KEY).as_deref(), left);
        assert!(others.iter().all(|node| node.get(KEY).is_none()));
        lab.bench.execute(&["DEL", KEY]);
    }
}

/// Too few nodes have the lock still; the one that has it tells how long it would have had it.
pub async fn an_adoption_that_failed_leaves_the_token_with_its_ttl(lab: &Lab) {
    let (node, others) = (lab.bench.node().await, lab.memory_nodes());
    let redsync = lab.among(node, &others);
    let token = handed_over(&redsync).await;
    others.iter().for_each(MemoryNode::wipe);
    lab.bench.execute(&["PEXPIRE", KEY, "100000"]);
    let error = refused(&redsync, &token).await;
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    lab.soon(redsync.settled()).await;
    assert!(lab.counter() > token.fence(), "the value was rotated");
    assert_eq!(lab.get(KEY).as_deref(), Some(token.value()), "and set back");
    let left = lab.ttl(KEY);
    assert!(left <= Duration::from_secs(100) && left > MINUTE, "{left:?}");
}

pub async fn an_adoption_that_was_dropped_leaves_the_token_good(lab: &Lab) {
    let redsync = lab.redsync().await;
    // So that the server knows the script, and is asked once.
    drop(adopted(&redsync, &handed_over(&redsync).await).await);
    lab.soon(redsync.settled()).await;
    let token = handed_over(&redsync).await;
    lab.bench.execute(&["PEXPIRE", KEY, "100000"]);
    lab.bench.pause();
    let mut adoption = Box::pin(redsync.adopt(&token));
    let polled = std::future::poll_fn(|cx| Poll::Ready(adoption.as_mut().poll(cx).is_ready()));
    assert!(!polled.await, "it takes a round trip");
    drop(adoption);
    lab.bench.relieve();
    lab.soon(redsync.settled()).await;
    assert!(lab.counter() > token.fence(), "the value was rotated");
    assert_eq!(lab.get(KEY).as_deref(), Some(token.value()), "and set back");
    let left = lab.ttl(KEY);
    assert!(left <= Duration::from_secs(100) && left > MINUTE, "{left:?}");
    drop(adopted(&redsync, &token).await);
}

/// The second round asks for the same new value, and finds it there with the number that was drawn with it.
pub async fn an_adoption_whose_reply_was_lost_is_executed_once_and_succeeds(lab: &Lab) {
    let redsync = lab.troubled().await;
    let token = handed_over(&redsync).await;
    let mutex = redsync.mutex(KEY).ttl(MINUTE).tries(1000).retry_delay(Duration::from_millis(5));
    load_rotation(lab);
    ["EVALSHA", "EVAL"].into_iter().for_each(|command| lab.bench.lose_replies(command));
    let mut adoption = std::pin::pin!(mutex.adopt(&token));
    let rotated = || lab.get(KEY).filter(|value| value != token.value());
    while rotated().is_none() {
        assert!(lab.within(Duration::from_millis(5), &mut adoption).await.is_none(), "no reply came");
    }
    let (value, fence) = (rotated(), lab.counter());
    lab.bench.relieve();
    let guard = lab.soon(adoption).await.expect("the only one");
    assert_eq!((Some(guard.value()), guard.fence()), (value.as_deref(), fence));
    assert_eq!(lab.counter(), fence, "no second number was drawn");
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
}

/// Makes the server know the script, whose text nobody sends where the reply is lost that it is unknown.
fn load_rotation(lab: &Lab) {
    let (from, to) = (Value::new("value"), Value::new("other"));
    let ttl = Ttl::new(MINUTE).expect("a TTL that Redis can count");
    let request = Command::Rotate { from, to, ttl, counting: Counting::Off, in_one: true }
        .request_with_text(&"elsewhere".into());
    let words: Vec<_> = request.args().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
    lab.bench.execute(&words.iter().map(String::as_str).collect::<Vec<_>>());
}

pub async fn a_key_of_another_type_is_not_adopted_and_left_alone(lab: &Lab) {
    let redsync = lab.redsync().await;
    let token = handed_over(&redsync).await;
    let guard = adopted(&redsync, &token).await;
    lab.bench.execute(&["DEL", KEY]);
    lab.bench.execute(&["RPUSH", KEY, "item"]);
    assert_wrong_type(&redsync.mutex(KEY).tries(1).adopt(&token).await.expect_err("another type"));
    assert_wrong_type(&guard.extend().await.expect_err("another type"));
    let error = guard.hand_back(&token).await.expect_err("another type");
    assert_wrong_type(error.error());
    assert_wrong_type(error.into_guard().release().await.expect_err("another type").error());
    assert_eq!(redsync.mutex(KEY).fenced().try_lock().await.expect_err("taken").kind(), ErrorKind::Taken);
}

pub async fn a_counter_of_another_type_keeps_a_token_as_it_was(lab: &Lab) {
    let redsync = lab.redsync().await;
    let token = handed_over(&redsync).await;
    lab.bench.execute(&["DEL", COUNTER]);
    lab.bench.execute(&["RPUSH", COUNTER, "item"]);
    assert_wrong_type(&redsync.mutex(KEY).tries(1).adopt(&token).await.expect_err("no number"));
    lab.soon(redsync.settled()).await;
    assert_eq!(lab.get(KEY).as_deref(), Some(token.value()));
    assert!(lab.ttl(KEY) > WAIT / 2, "{:?}", lab.ttl(KEY));
}

pub async fn a_token_that_is_not_adopted_in_time_ends_by_itself(lab: &Lab) {
    let redsync = lab.redsync().await;
    let (wait, start) = (Duration::from_millis(600), lab.now());
    handed_over_for(&redsync, wait).await;
    let mutex = redsync.mutex(KEY).ttl(MINUTE).tries(1000).retry_delay(Duration::from_millis(5));
    let guard = lab.soon(mutex.lock()).await.expect("free in time");
    assert!(lab.now().since(start) >= wait, "not before the wait was over");
    assert_eq!(guard.release().await.expect("reachable"), Released::Held);
}

pub async fn a_fixed_value_is_rotated_and_comes_back(lab: &Lab) {
    let redsync = lab.redsync().await;
    let guard = redsync.mutex(KEY).ttl(MINUTE).with_value("job-1138").lock().await.expect("free");
    let token = guard.hand_over(WAIT).await.expect("reachable");
    assert_eq!(lab.get(KEY).as_deref(), Some("job-1138"));
    let resumed = redsync.resume(KEY, "job-1138");
    resumed.extend().await.expect("held");
    let guard = adopted(&redsync, &token).await;
    assert_eq!(resumed.extend().await.expect_err("rotated").kind(), ErrorKind::Lost);
    assert_eq!(resumed.release().await.expect("reachable"), Released::AlreadyGone);
    assert_eq!(lab.get(KEY).as_deref(), Some(guard.value()));
    guard.hand_back(&token).await.expect("reachable");
    assert_eq!(resumed.release().await.expect("reachable"), Released::Held);
    assert_eq!(lab.get(KEY), None);
}

/// Which script is which is the business of others; here each is forgotten once before it is asked for.
pub async fn a_journey_goes_on_when_the_server_forgets_the_scripts(lab: &Lab) {
    let redsync = lab.redsync().await;
    let mut journeys = Vec::new();
    // What the second one has to send as text the first one has made the server forget.
    for flush in [true, false, false, true] {
        let forget = || {
            if flush {
                lab.bench.flush_scripts();
            }
        };
        forget();
        let guard = redsync.mutex(KEY).ttl(MINUTE).fenced().lock().await.expect("free");
        forget();
        guard.extend().await.expect("held");
        forget();
        let token = guard.hand_over(WAIT).await.expect("reachable");
        forget();
        let guard = adopted(&redsync, &token).await;
        forget();
        guard.extend().await.expect("held");
        forget();
        guard.hand_back(&token).await.expect("reachable");
        let guard = adopted(&redsync, &token).await;
        forget();
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
        journeys.push(lab.bench.calls("EVAL"));
    }
    let [first, second, third, last] = journeys[..] else { unreachable!("four journeys") };
    assert_eq!(third, second, "no text once it is known");
    assert!(first > 0 && last > third);
}

/// Every script that tokens and fencing numbers brought, by digest where it is unknown and as text.
pub async fn a_script_that_is_unknown_is_told_so_and_did_nothing(lab: &Lab) {
    let node = lab.bench.node().await;
    let ttl = Ttl::new(MINUTE).expect("a TTL that Redis can count");
    let value = || Value::new("value");
    let (former, fence) = (Some(Value::new("former")), Some(7));
    for command in [
        Command::Acquire { value: value(), ttl, look: false, proposal: Some(7) },
        // With a former value its text goes along at once.
        Command::Extend { value: value(), ttl, revive: true, former: None, fence },
        Command::Raise { value: value(), fence: 9, ttl },
        Command::Rotate {
            from: value(),
            to: Value::new("other"),
            ttl,
            counting: Counting::Draw(7),
            in_one: false,
        },
        Command::Release { value: value(), former, in_one: false },
    ] {
        let before = (lab.get(KEY), lab.counter());
        lab.bench.flush_scripts();
        let error = node.call(command.request(&KEY.into())).await.expect_err("unknown");
        assert_rejected(&error, "NOSCRIPT");
        assert_eq!((lab.get(KEY), lab.counter()), before, "{command:?}");
        let reply = call(&node, &command).await.expect("as text");
        command.outcome(&reply).expect("a reply that it can have");
        node.call(command.request(&KEY.into())).await.expect("known by now");
    }
}
