//! The lock travels with its job, in memory and on real servers, also when one is down.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

#[path = "../../tests/common/mod.rs"]
mod common;

use std::process::Command;

use common::program;
use redsync_testkit::server::Servers;

#[test]
fn in_memory() {
    assert_story(&[]);
}

#[test]
fn on_three_servers() {
    let servers = Servers::start(3).expect("a server binary");
    assert_story(&servers.urls());
}

#[test]
fn on_three_servers_of_which_one_is_down() {
    let servers = Servers::start(3).expect("a server binary");
    servers[1].kill();
    assert_story(&servers.urls());
}

fn assert_story(urls: &[String]) {
    let output = Command::new(program("in_process_queue")).args(urls).output().expect("it starts");
    let (told, trouble) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{trouble}");
    let events = [
        "handler:  202 Accepted",
        "handler:  409 Conflict",
        "worker 1: adopted the lock",
        "worker 2: left the delivery alone",
        "another delivery of its token was adopted",
        "worker 1: failed (the disk is full), and gave the lock back to the job (ToDeliverAgain(200ms))",
        "worker 2: adopted the lock, and writes report 7",
        "worker 2: done, and released the lock (Acknowledged)",
        "worker 2: adopted the lock, and finds report 7 written",
        "queue:    empty",
    ];
    let places: Vec<_> = events.iter().map(|event| told.find(event).expect(event)).collect();
    assert!(places.is_sorted(), "{told}");
}
