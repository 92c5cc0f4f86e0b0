//! A stale worker's write is refused, by SQLite always and by PostgreSQL where that is reachable.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "tests state what they expect")]

#[path = "../../tests/common/mod.rs"]
mod common;

use std::{env, process::Command};

use common::program;
use redsync_testkit::server::Servers;
use tokio_postgres::NoTls;

/// Where no database is.
const NOWHERE: &str = "postgres://127.0.0.1:1";

/// Where the example looks unless it is told.
const BY_DEFAULT: &str = "postgres://postgres@127.0.0.1:5432";

#[test]
fn sqlite_refuses_and_a_postgresql_that_cannot_be_reached_is_told() {
    let told = play(&[], NOWHERE);
    assert_refusal(&told, "SQLite");
    assert!(told.contains("PostgreSQL: not reachable") && told.contains("refused"), "{told}");
}

#[test]
fn with_locks_on_real_servers() {
    let servers = Servers::start(3).expect("a server binary");
    assert_refusal(&play(&servers.urls(), NOWHERE), "SQLite");
}

/// A database that is named has to be there; one that nobody has named may be missing, which has to be told.
#[tokio::test]
async fn postgresql_refuses_too() {
    let named = env::var("DATABASE_URL").ok();
    let url = named.as_deref().unwrap_or(BY_DEFAULT);
    let reached = tokio_postgres::connect(url, NoTls).await;
    assert!(named.is_none() || reached.is_ok(), "DATABASE_URL names a database that cannot be reached");
    let told = play(&[], url);
    match reached {
        Ok(_) => assert_refusal(&told, "PostgreSQL"),
        Err(error) => {
            println!("PostgreSQL was not reachable, so that its refusal was not tested: {error:?}");
            assert!(told.contains("PostgreSQL: not reachable"), "{told}");
        }
    }
}

fn play(urls: &[String], database: &str) -> String {
    let mut program = Command::new(program("fenced_write"));
    let output = program.args(urls).env("DATABASE_URL", database).output().expect("it starts");
    let (told, trouble) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{trouble}");
    told.into_owned()
}

fn assert_refusal(told: &str, place: &str) {
    let events = [
        "worker A took the lock",
        "worker A finds its lock valid (true)",
        "worker B got the lock",
        "worker B wrote, and releases the lock (Held)",
        "worker A woke up and wrote, and was refused (valid by now: false)",
        "the report is \"written by B\"",
    ];
    let find = |event: &&str| told.find(&format!("{place}: {event}")).expect(event);
    assert!(events.iter().map(find).is_sorted(), "{told}");
    assert!(number(told, place, "worker B") > number(told, place, "worker A"), "{told}");
}

/// The fencing number stands at the end of the first line about a worker.
fn number(told: &str, place: &str, worker: &str) -> u64 {
    let start = format!("{place}: {worker}");
    let line = told.lines().find(|line| line.starts_with(&start)).expect("it took the lock");
    line.split(' ').next_back().and_then(|number| number.parse().ok()).expect("a number")
}
