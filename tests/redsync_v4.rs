//! Go's redsync v4 on the same keys: a plain client says what v4 says (`mutex.go`), in scripts of the same effect.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

use std::time::Duration;

use redsync_core::{ErrorKind, Redsync, Released};
use redsync_testkit::server::{Reply, Server};
use redsync_tests::Driver;

const NAME: &str = "report:7";
/// What v4 makes by itself: 16 random bytes in base64.
const VALUE: &str = "q5b1Zt7wB0G3mX9aN4cKdw==";
const TTL: Duration = Duration::from_secs(60);

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
struct Go<'a>(&'a Server);

impl Go<'_> {
    fn lock(&self) -> bool {
        let reply = self.0.command(&["SET", NAME, VALUE, "PX", "60000", "NX"]).expect("it answers");
        reply == Reply::Status("OK".to_owned())
    }

    fn eval(&self, script: &str, args: &[&str]) -> Option<i64> {
        let reply = self.0.command(&[&["EVAL", script, "1", NAME], args].concat()).expect("it answers");
        reply.int()
    }

    fn extend(&self, script: &str, value: &str) -> bool {
        self.eval(script, &[value, "120000"]) == Some(1)
    }

    fn unlock(&self, value: &str) -> Option<i64> {
        self.eval(DELETE, &[value])
    }

    fn millis_left(&self) -> i64 {
        self.0.command(&["PTTL", NAME]).expect("it answers").int().expect("an integer")
    }
}

async fn start(driver: Driver) -> (Server, Redsync) {
    let server = Server::start().expect("a server binary");
    let redsync = driver.connect(vec![server.url()]).await.expect("a valid URL");
    (server, redsync)
}

#[tokio::test]
async fn what_go_holds_is_refused_and_what_it_released_is_free() {
    for driver in Driver::ALL {
        let (server, redsync) = start(driver).await;
        let go = Go(&server);
        assert!(go.lock());
        let error = redsync.mutex(NAME).try_lock().await.expect_err("Go holds it");
        assert_eq!(error.kind(), ErrorKind::Taken, "{driver:?}");
        redsync.settled().await;
        assert!(go.extend(TOUCH, VALUE), "{driver:?}: undisturbed");
        assert_eq!(go.unlock(VALUE), Some(1), "{driver:?}: undisturbed");
        redsync.mutex(NAME).try_lock().await.expect("free").leave();
    }
}

#[tokio::test]
async fn what_rust_holds_go_is_refused_and_what_it_released_is_free() {
    for driver in Driver::ALL {
        let (server, redsync) = start(driver).await;
        let go = Go(&server);
        let guard = redsync.mutex(NAME).ttl(TTL).lock().await.expect("free");
        assert!(!go.lock());
        assert!(!go.extend(TOUCH, VALUE) && !go.extend(TOUCH_OR_SET, VALUE));
        assert_eq!(go.unlock(VALUE), Some(0));
        guard.extend().await.expect("undisturbed");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held, "{driver:?}");
        assert!(go.lock());
    }
}

/// The handler locks, the worker extends and releases by the value that came with the job.
#[tokio::test]
async fn a_lock_travels_from_go_to_rust() {
    for driver in Driver::ALL {
        let (server, redsync) = start(driver).await;
        let go = Go(&server);
        assert!(go.lock());
        let error = redsync.mutex(NAME).with_value(VALUE).try_lock().await.expect_err("Go holds it");
        assert_eq!(error.kind(), ErrorKind::HeldUnderThisValue, "{driver:?}");
        redsync.settled().await;
        assert!(go.millis_left() > 0, "{driver:?}: undisturbed");
        let released = redsync.mutex(NAME).with_value(VALUE).unlock().await.expect("reachable");
        assert_eq!(released, Released::Held, "{driver:?}");
        assert_eq!(go.unlock(VALUE), Some(-1), "{driver:?}: gone");
    }
}

#[tokio::test]
async fn a_lock_travels_from_rust_to_go() {
    for driver in Driver::ALL {
        for touch in [TOUCH, TOUCH_OR_SET] {
            let (server, redsync) = start(driver).await;
            let go = Go(&server);
            let guard = redsync.mutex(NAME).ttl(TTL).lock().await.expect("free");
            let value = guard.value().to_owned();
            guard.leave();
            assert!(go.extend(touch, &value), "{driver:?}");
            assert!(go.millis_left() > 60_000, "{driver:?}");
            assert_eq!(go.unlock(&value), Some(1), "{driver:?}");
            redsync.mutex(NAME).try_lock().await.expect("free").leave();
        }
    }
}

#[tokio::test]
async fn an_extension_by_either_is_seen_by_the_other() {
    for driver in Driver::ALL {
        let (server, redsync) = start(driver).await;
        let go = Go(&server);
        let guard = redsync.mutex(NAME).ttl(TTL).revive_on_extend(true).lock().await.expect("free");
        let value = guard.value().to_owned();
        assert!(go.extend(TOUCH, &value));
        guard.extend().await.expect("held");
        assert!(go.millis_left() > 60_000, "{driver:?}: ours never shortens a TTL");
        assert_eq!(go.unlock(&value), Some(1));
        guard.extend().await.expect("set anew, as v4 does by WithSetNXOnExtend");
        assert!(go.extend(TOUCH_OR_SET, &value), "{driver:?}");
        assert_eq!(guard.release().await.expect("reachable"), Released::Held);
        assert!(go.extend(TOUCH_OR_SET, &value), "{driver:?}: Go sets it anew as well");
    }
}
