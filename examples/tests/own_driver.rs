//! The driver of the example passes what every driver has to pass.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests state what they expect")]

mod common;

use std::{process::Command, sync::Arc};

use common::program;
use redsync_core::{BoxFuture, Node, Runtime};
use redsync_runtime::TokioRuntime;

#[allow(dead_code, reason = "its main program is not called here")]
#[path = "../own_driver.rs"]
mod own_driver;

// ANCHOR: conformance
struct OwnDriver;

impl redsync_testkit::conformance::Driver for OwnDriver {
    fn block_on(case: BoxFuture<'_, ()>) {
        tokio::runtime::Runtime::new().unwrap().block_on(case);
    }

    fn runtime() -> Arc<dyn Runtime> {
        Arc::new(TokioRuntime::current().unwrap())
    }

    async fn open(url: &str) -> Arc<dyn Node> {
        Arc::new(own_driver::open(url).unwrap())
    }
}

redsync_testkit::conformance!(OwnDriver);
// ANCHOR_END: conformance

#[test]
fn its_program_runs_to_its_end() {
    let output = Command::new(program("own_driver")).output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("ours for") && told.contains("taken") && told.contains("Released: Held"), "{told}");
}
