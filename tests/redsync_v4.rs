//! Go's redsync v4 on the same keys, beside each driver on three nodes: a plain client does what v4 does (`mutex.go`).
//!
//! The scripts' texts are our own, since no code is copied from v4. What has to agree is what the other side can see:
//! the key, its value and TTL, what is compared before a change, and what is answered; a text cannot be seen, for each
//! side sends its own one.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

use std::time::Duration;

use redsync_core::{ErrorKind, Mutex, Redsync, Released};
use redsync_testkit::server::{Reply, Servers};
use redsync_tests::Driver;

const NAME: &str = "report:7";
/// What v4 makes by itself: 16 random bytes in base64.
const VALUE: &str = "q5b1Zt7wB0G3mX9aN4cKdw==";
const TTL: Duration = Duration::from_secs(60);
const NODES: usize = 3;
/// What v4 asks for: more than half of the nodes.
const QUORUM: usize = NODES / 2 + 1;

/// Deletes where the value stands: 1 when deleted, −1 without a key, 0 for another value.
const DELETE: &str = "local held = redis.call('GET', KEYS[1])
    if held == false then return -1 end
    return held == ARGV[1] and redis.call('DEL', KEYS[1]) or 0";
/// Sets the TTL where the value stands: 1 when set, else 0.
const TOUCH: &str =
    "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0";
/// The same, and sets the key where it is missing.
const TOUCH_OR_SET: &str = "local held = redis.call('GET', KEYS[1])
    if held == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
    return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') and 1 or 0";

/// A service in Go, which holds one value.
struct Go<'a>(&'a Servers);

impl Go<'_> {
    /// Sets the key everywhere, and deletes it again where that was no quorum.
    fn lock(&self) -> bool {
        let replies = self.ask(&["SET", NAME, VALUE, "PX", "60000", "NX"]);
        let set = replies.iter().filter(|reply| **reply == Reply::Status("OK".to_owned())).count();
        if set < QUORUM {
            self.ask(&["EVAL", DELETE, "1", NAME, VALUE]);
        }
        set >= QUORUM
    }

    fn extend(&self, script: &str, value: &str) -> bool {
        self.eval(script, &[value, "120000"]) == Some(1)
    }

    fn unlock(&self, value: &str) -> Option<i64> {
        self.eval(DELETE, &[value])
    }

    /// What a quorum answers.
    fn eval(&self, script: &str, args: &[&str]) -> Option<i64> {
        let answers: Vec<_> =
            self.ask(&[&["EVAL", script, "1", NAME], args].concat()).iter().filter_map(Reply::int).collect();
        [1, 0, -1]
            .into_iter()
            .find(|answer| answers.iter().filter(|other| *other == answer).count() >= QUORUM)
    }

    /// What is left of the TTL on every node.
    fn millis_left(&self) -> i64 {
        self.ask(&["PTTL", NAME]).iter().filter_map(Reply::int).min().expect("an integer")
    }

    fn ask(&self, args: &[&str]) -> Vec<Reply> {
        self.0.iter().map(|server| server.command(args).expect("it answers")).collect()
    }
}

async fn start(driver: Driver) -> (Servers, Redsync) {
    let servers = Servers::start(NODES).expect("a server binary");
    let redsync = driver.connect(servers.urls()).await.expect("valid URLs");
    (servers, redsync)
}

fn mutex(redsync: &Redsync) -> Mutex {
    redsync.mutex(NAME).ttl(TTL)
}

#[tokio::test]
async fn what_go_holds_is_refused_and_what_it_released_is_free() {
    for driver in Driver::ALL {
        let (servers, redsync) = start(driver).await;
        let go = Go(&servers);
        assert!(go.lock());
        let error = mutex(&redsync).try_lock().await.expect_err("Go holds it");
        assert_eq!(error.kind(), ErrorKind::Taken, "{driver:?}");
        redsync.settled().await;
        assert!(go.extend(TOUCH, VALUE), "{driver:?}: undisturbed");
        assert_eq!(go.unlock(VALUE), Some(1), "{driver:?}: undisturbed");
        mutex(&redsync).try_lock().await.expect("free").leave();
    }
}

#[tokio::test]
async fn what_rust_holds_go_is_refused_and_what_it_released_is_free() {
    for driver in Driver::ALL {
        let (servers, redsync) = start(driver).await;
        let go = Go(&servers);
        let guard = mutex(&redsync).lock().await.expect("free");
        redsync.settled().await;
        assert!(!go.lock());
        assert!(!go.extend(TOUCH, VALUE) && !go.extend(TOUCH_OR_SET, VALUE));
        assert_eq!(go.unlock(VALUE), Some(0));
        guard.extend().await.expect("undisturbed");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{driver:?}");
        redsync.settled().await;
        assert!(go.lock());
    }
}

/// Each side removes what it set on the node that was free.
#[tokio::test]
async fn a_bare_majority_of_either_keeps_the_other_out() {
    for driver in Driver::ALL {
        let (servers, redsync) = start(driver).await;
        let (go, free) = (Go(&servers), &servers[0]);
        assert!(go.lock());
        free.command(&["DEL", NAME]).expect("it answers");
        let error = mutex(&redsync).try_lock().await.expect_err("Go holds it");
        assert_eq!(error.kind(), ErrorKind::Taken, "{driver:?}");
        redsync.settled().await;
        assert_eq!(free.command(&["GET", NAME]).expect("it answers"), Reply::Nil, "{driver:?}");
        assert_eq!(go.unlock(VALUE), Some(1), "{driver:?}: undisturbed");

        let guard = mutex(&redsync).lock().await.expect("free");
        redsync.settled().await;
        free.command(&["DEL", NAME]).expect("it answers");
        assert!(!go.lock(), "{driver:?}");
        assert_eq!(free.command(&["GET", NAME]).expect("it answers"), Reply::Nil);
        assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{driver:?}");
    }
}

/// The handler locks, the worker extends and releases by the value that came with the job.
#[tokio::test]
async fn a_lock_travels_from_go_to_rust() {
    for driver in Driver::ALL {
        let (servers, redsync) = start(driver).await;
        let go = Go(&servers);
        assert!(go.lock());
        let mutex = mutex(&redsync).with_value(VALUE);
        let error = mutex.try_lock().await.expect_err("Go holds it");
        assert_eq!(error.kind(), ErrorKind::HeldUnderThisValue, "{driver:?}");
        redsync.settled().await;
        assert!(go.millis_left() > 0, "{driver:?}: undisturbed");
        mutex.extend().await.expect("held under this value");
        assert_eq!(mutex.unlock().await.expect("reachable"), Released::Held, "{driver:?}");
        redsync.settled().await;
        assert_eq!(go.unlock(VALUE), Some(-1), "{driver:?}: gone");
    }
}

/// As Go's workers do, the job carries name and value.
#[tokio::test]
async fn a_lock_that_go_has_taken_is_resumed_by_its_value() {
    for driver in Driver::ALL {
        let (servers, redsync) = start(driver).await;
        let go = Go(&servers);
        assert!(go.lock());
        let resumed = redsync.mutex(NAME).ttl(TTL * 2).resume(VALUE);
        resumed.extend().await.expect("Go holds it");
        redsync.settled().await;
        assert!(go.millis_left() > 60_000, "{driver:?}");
        assert!(go.extend(TOUCH, VALUE), "{driver:?}: both carry it on");
        let other = redsync.resume(NAME, "another value");
        assert_eq!(other.extend().await.expect_err("not it").kind(), ErrorKind::Lost, "{driver:?}");
        assert_eq!(other.release().await.expect("reachable"), Released::AlreadyGone, "{driver:?}");
        assert_eq!(resumed.release().await.expect("reachable"), Released::Held, "{driver:?}");
        redsync.settled().await;
        assert_eq!(go.unlock(VALUE), Some(-1), "{driver:?}: gone");
    }
}

/// The value is Go's as long as it waits, and ours once it was adopted.
#[tokio::test]
async fn go_sees_a_lock_that_is_handed_over_under_its_value_and_not_once_it_was_adopted() {
    for driver in Driver::ALL {
        let (servers, redsync) = start(driver).await;
        let go = Go(&servers);
        let guard = redsync.mutex(NAME).ttl(TTL).with_value(VALUE).lock().await.expect("free");
        redsync.settled().await;
        let token = guard.hand_over(TTL).await.expect("reachable");
        redsync.settled().await;
        // It must not try to lock: having failed, v4 deletes its own value everywhere, which is this one.
        assert!(go.extend(TOUCH, VALUE) && go.extend(TOUCH_OR_SET, VALUE), "{driver:?}");
        let guard = redsync.adopt(&token).await.expect("Go has only looked");
        redsync.settled().await;
        assert!(!go.lock() && !go.extend(TOUCH, VALUE) && !go.extend(TOUCH_OR_SET, VALUE), "{driver:?}");
        assert_eq!(go.unlock(VALUE), Some(0), "{driver:?}: another value");
        assert!(go.extend(TOUCH, guard.value()), "{driver:?}: who knows it carries it on");
        guard.hand_back(&token).await.expect("undisturbed");
        redsync.settled().await;
        assert_eq!(go.unlock(VALUE), Some(1), "{driver:?}: Go's again");
        assert_eq!(redsync.adopt(&token).await.expect_err("released").kind(), ErrorKind::Expired);
        redsync.settled().await;
        assert!(go.lock(), "{driver:?}");
    }
}

#[tokio::test]
async fn a_lock_travels_from_rust_to_go() {
    for driver in Driver::ALL {
        for touch in [TOUCH, TOUCH_OR_SET] {
            let (servers, redsync) = start(driver).await;
            let go = Go(&servers);
            let guard = mutex(&redsync).lock().await.expect("free");
            redsync.settled().await;
            let value = guard.value().to_owned();
            guard.leave();
            assert!(go.extend(touch, &value), "{driver:?}");
            assert!(go.millis_left() > 60_000, "{driver:?}");
            assert_eq!(go.unlock(&value), Some(1), "{driver:?}");
            mutex(&redsync).try_lock().await.expect("free").leave();
        }
    }
}

#[tokio::test]
async fn an_extension_by_either_is_seen_by_the_other() {
    for driver in Driver::ALL {
        let (servers, redsync) = start(driver).await;
        let go = Go(&servers);
        let guard = mutex(&redsync).revive_on_extend(true).lock().await.expect("free");
        redsync.settled().await;
        let value = guard.value().to_owned();
        assert!(go.extend(TOUCH, &value));
        guard.extend().await.expect("held");
        redsync.settled().await;
        assert!(go.millis_left() > 60_000, "{driver:?}: ours never shortens a TTL");
        assert_eq!(go.unlock(&value), Some(1));
        guard.extend().await.expect("set anew, as v4 does by WithSetNXOnExtend");
        redsync.settled().await;
        assert!(go.extend(TOUCH_OR_SET, &value), "{driver:?}");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
        redsync.settled().await;
        assert!(go.extend(TOUCH_OR_SET, &value), "{driver:?}: Go sets it anew as well");
    }
}
