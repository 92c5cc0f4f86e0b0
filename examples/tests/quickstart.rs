//! The quickstart tells its story to the end, in memory and on real servers, also when one is down.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

mod common;

use std::process::{Command, Output};

use common::program;
use redsync_testkit::server::Servers;

#[test]
fn in_memory() {
    assert_story(&play(&[]));
}

#[test]
fn on_three_servers() {
    let servers = Servers::start(3).expect("a server binary");
    assert_story(&play(&servers.urls()));
}

#[test]
fn on_three_servers_of_which_one_is_down() {
    let servers = Servers::start(3).expect("a server binary");
    servers[1].kill();
    assert_story(&play(&servers.urls()));
}

#[test]
fn a_wrong_url_and_servers_that_are_all_down_are_told() {
    let servers = Servers::start(1).expect("a server binary");
    servers[0].kill();
    let wrong = "redis://:secret@[nonsense".to_owned();
    for (urls, text) in [(vec![wrong], "URL number 1"), (servers.urls(), "too few nodes answered")] {
        let output = play(&urls);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(text) && !told.contains("secret"), "{told}");
    }
}

fn play(urls: &[String]) -> Output {
    Command::new(program("quickstart")).args(urls).output().expect("it starts")
}

fn assert_story(output: &Output) {
    let (told, trouble) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{trouble}");
    let events = [
        "handler: took the lock",
        "worker:  got the job",
        "rival:   refused",
        "worker:  done",
        "rival:   admitted",
    ];
    let places: Vec<_> = events.iter().map(|event| told.find(event).expect(event)).collect();
    assert!(places[..3].is_sorted() && places[3] > places[2], "{told}");
}
