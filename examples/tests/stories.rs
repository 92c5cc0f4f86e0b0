//! Each example that has no test of its own runs to its end, and tells what it shows. The index names every example.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests state what they expect"
)]

mod common;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use common::program;
use redsync_testkit::server::Servers;

const INDEX: &str = include_str!("../README.md");

#[test]
fn five_nodes() {
    assert_told(
        &play("five_nodes", &[]),
        &[
            "all are up: took the lock",
            "two are down: took the lock",
            "two are down and one hangs: too few nodes answered",
            "node 2 (127.0.0.1:",
            "one is back: took the lock",
        ],
    );
}

#[test]
fn keep_alive() {
    assert_told(
        &play("keep_alive", &[]),
        &[
            "under a lock of 1.5s; a rival was refused 30 times",
            "released: Held",
            "all nodes hang: the work was stopped",
            "still ours then: true",
        ],
    );
}

#[test]
fn cron_in_memory_and_on_servers() {
    let servers = Servers::start(3).expect("a server binary");
    for urls in [Vec::new(), servers.urls()] {
        let told = play("cron", &urls);
        let runs = [1, 2, 3].map(|time| format!("run {time}: done by instance "));
        assert_told(&told, &runs.each_ref().map(String::as_str));
        assert_eq!(told.matches("left alone by the other 9").count(), 3, "{told}");
    }
}

#[test]
fn testing() {
    assert_told(
        &play("testing", &[]),
        &[
            "taken:",
            "an hour later:",
            "down:",
            "too few nodes answered",
            "hanging:",
            "s have passed for the code",
        ],
    );
}

#[test]
fn own_runtime() {
    assert_told(
        &play("own_runtime", &[]),
        &["Worked for 2.5 s", "The next one has it for another", "Released: Held."],
    );
}

#[test]
fn own_event_loop_on_its_servers_and_while_one_is_down() {
    let events =
        ["The lock is ours on a majority of 3", "A rival is told: no lock", "taken", "Released: Held."];
    assert_told(&play("own_event_loop", &[]), &events);
    let servers = Servers::start(3).expect("a server binary");
    servers[1].kill();
    assert_told(&play("own_event_loop", &servers.urls()), &events);
}

#[test]
fn the_index_names_every_example_and_no_other() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifests = ["Cargo.toml", "queue/Cargo.toml", "sql/Cargo.toml"];
    let manifests = manifests.map(|path| fs::read_to_string(here.join(path)).expect("a manifest"));
    let programs: BTreeSet<_> = manifests.iter().flat_map(|text| names(text)).collect();
    let rows = INDEX.lines().filter_map(|line| line.strip_prefix("| [`")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), programs);
    assert!(programs.len() > 10, "{programs:?}");
}

/// The names of the programs in a manifest.
fn names(manifest: &str) -> impl Iterator<Item = String> {
    let sections = manifest.split("[[example]]").skip(1);
    sections.filter_map(|section| section.split('"').nth(1).map(str::to_owned))
}

fn play(name: &str, urls: &[String]) -> String {
    let output = Command::new(program(name)).args(urls).output().expect("it starts");
    let (told, trouble) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {told}{trouble}");
    told.into_owned()
}

/// All of these were told, in this order.
#[track_caller]
fn assert_told(told: &str, events: &[&str]) {
    let places = events.iter().map(|event| told.find(event).unwrap_or_else(|| panic!("{event:?}: {told}")));
    assert!(places.is_sorted(), "{told}");
}
