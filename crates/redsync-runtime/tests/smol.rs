//! smol as a runtime.
#![cfg(feature = "smol")]

use std::time::Duration;

use futures_channel::oneshot;
use futures_util::FutureExt;
use redsync_core::Runtime;
use redsync_runtime::{SmolRuntime, locate};

#[test]
fn outside_of_tokio_smol_is_found_and_runs_tasks() {
    let (send, receive) = oneshot::channel();
    locate().unwrap().spawn(Box::pin(async move { send.send(()).unwrap() }));
    smol::block_on(receive).unwrap();
}

#[test]
fn a_sleep_lasts_at_least_until_its_moment() {
    let until = SmolRuntime.now().plus(Duration::from_millis(20));
    smol::block_on(SmolRuntime.sleep_until(until));
    assert!(SmolRuntime.now() >= until);
}

#[test]
fn sleeping_until_a_moment_that_has_passed_takes_no_time() {
    assert_eq!(SmolRuntime.sleep_until(SmolRuntime.now()).now_or_never(), Some(()));
}
