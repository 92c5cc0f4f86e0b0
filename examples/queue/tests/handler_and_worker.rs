//! Handler and worker as two processes, on each broker: a lock goes with its job, also when a worker is killed, the broker
//! is away, or the servers of the locks are.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests state what they expect"
)]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "common/processes.rs"]
mod processes;

use std::{collections::BTreeSet, net::SocketAddr};

use common::program;
use processes::{Program, post, post_while};
use redsync_queues::server::{Nats, RabbitMq};
use redsync_testkit::server::{self, Servers};
use rustix::process::Signal;

/// Of the locks, in seconds.
const TTL: &str = "2";

/// A broker that can be away for a while.
trait Broker {
    const NAME: &str;

    fn url(&self) -> String;
    fn kill(&mut self);
    fn restart(&mut self);
}

#[test]
fn over_redis_streams() {
    let server = server::Builder::default().config("appendonly yes").config("appendfsync always").start();
    play(server.expect("a server binary"));
}

#[test]
fn over_rabbitmq() {
    play(RabbitMq::start().expect("a broker"));
}

#[test]
fn over_nats() {
    play(Nats::start().expect("a broker"));
}

#[test]
fn a_worker_that_is_to_end_finishes_its_report_or_gives_it_back() {
    let broker = server::Server::start().expect("a server binary");
    let shop = Shop::open::<server::Server>(broker.url());
    let (mut handler, address) = shop.handler();
    assert_eq!(post(address, "/reports/all").0, 400);

    let mut finishing = shop.worker("a", &["--work", "1", "--grace", "600"]);
    assert_eq!(post(address, "/reports/7").0, 202);
    finishing.wait_for("report 7: has begun");
    let (status, said) = finishing.end(Signal::INT);
    assert!(status.success() && has(&said, "report 7: done") && has(&said, "has ended"), "{said:?}");

    let mut leaving = shop.worker("b", &["--work", "600", "--grace", "0"]);
    assert_eq!(post(address, "/reports/7").0, 202);
    leaving.wait_for("report 7: has begun");
    let (status, said) = leaving.end(Signal::TERM);
    assert!(status.success() && has(&said, "report 7: failed, and the lock is the job's again"), "{said:?}");
    assert_eq!(post(address, "/reports/7").0, 409);
    shop.worker("c", &["--work", "0"]).wait_for("report 7: done");
    handler.wait_for("409");
}

#[test]
fn without_the_servers_of_the_locks_nothing_is_queued() {
    let broker = server::Server::start().expect("a server binary");
    let shop = Shop::open::<server::Server>(broker.url());
    let (_handler, address) = shop.handler();
    (0..2).for_each(|number| shop.locks[number].kill());
    let (status, retry_after) = post(address, "/reports/7");
    assert_eq!((status, retry_after.as_deref()), (503, Some(TTL)));
    assert_eq!(broker.command(&["EXISTS", "reports"]).expect("up"), server::Reply::Int(0));
    (0..2).for_each(|number| shop.locks[number].restart_empty().expect("as before"));
    // A driver connects again in its own time.
    assert_eq!(post_while(503, address, "/reports/8").0, 202);
}

#[test]
fn wrong_arguments_are_told_and_none_at_all_show_how_to_call_it() {
    let calls: [(&[&str], bool); 5] = [
        (&[], true),
        (&["--help"], true),
        (&["cook"], false),
        (&["handler", "--broker", "pigeons"], false),
        (&["worker", "--broker", "nats", "--url", "nats://127.0.0.1", "--ttl", "-1"], false),
    ];
    for (args, is_right) in calls {
        let output =
            std::process::Command::new(program("handler_and_worker")).args(args).output().expect("it starts");
        assert_eq!(output.status.success(), is_right, "{args:?}: {output:?}");
        let told = String::from_utf8_lossy(if is_right { &output.stdout } else { &output.stderr });
        assert_eq!(told.contains("usage"), is_right || args == ["cook"], "{told}");
    }
}

/// A report is asked for twice; its first worker is killed, and another one writes it; then it may be asked for again. The
/// broker goes away, and comes again.
fn play<B: Broker>(mut broker: B) {
    let shop = Shop::open::<B>(broker.url());
    let (handler, address) = shop.handler();
    assert_eq!(post(address, "/reports/7"), (202, None));
    assert_eq!(post(address, "/reports/7"), (409, Some(TTL.to_owned())));

    let mut killed = shop.worker("a", &["--work", "600"]);
    killed.wait_for("report 7: has begun");
    assert_eq!(post(address, "/reports/7").0, 409);
    killed.kill();
    let mut worker = shop.worker("b", &["--work", "0"]);
    worker.wait_for("report 7: done");
    assert_eq!(post(address, "/reports/7"), (202, None));
    worker.wait_for("report 7: done");

    broker.kill();
    // The second one finds no lock of the first.
    for _ in 0..2 {
        assert_eq!(post(address, "/reports/8"), (503, Some(TTL.to_owned())));
    }
    broker.restart();
    assert_eq!(post(address, "/reports/9"), (202, None));
    worker.wait_for("report 9: done");

    let (worker_ended, worker) = worker.end(Signal::TERM);
    let (handler_ended, handler) = handler.end(Signal::TERM);
    assert!(worker_ended.success() && has(&worker, "worker b: has ended"), "{worker:?}");
    assert!(handler_ended.success() && has(&handler, "handler: has ended"), "{handler:?}");
    let traces = traces(&worker, "process_job");
    // What was sent to the broker that was away may have come after all, without a lock.
    assert!(traces.len() >= 3, "{worker:#?}");
    assert!(traces.is_subset(&traces_of(&handler)), "{handler:#?}{worker:#?}");
}

struct Shop {
    locks: Servers,
    broker: &'static str,
    url: String,
}

impl Shop {
    fn open<B: Broker>(url: String) -> Self {
        Self { locks: Servers::start(3).expect("a server binary"), broker: B::NAME, url }
    }

    /// A handler that listens here.
    fn handler(&self) -> (Program, SocketAddr) {
        let mut handler = self.start(&["handler", "--listen", "127.0.0.1:0"]);
        let line = handler.wait_for("listens on http://");
        let address = line.rsplit('/').next().and_then(|address| address.parse().ok()).expect("an address");
        (handler, address)
    }

    fn worker(&self, name: &str, args: &[&str]) -> Program {
        self.start(&[&["worker", "--name", name], args].concat())
    }

    fn start(&self, args: &[&str]) -> Program {
        let locks = self.locks.urls().join(",");
        let common =
            ["--broker", self.broker, "--url", &self.url, "--locks", &locks, "--ttl", TTL, "--trace"];
        Program::start("handler_and_worker", &[args, &common].concat())
    }
}

impl Broker for server::Server {
    const NAME: &str = "streams";

    fn url(&self) -> String {
        server::Server::url(self)
    }

    fn kill(&mut self) {
        server::Server::kill(self);
    }

    fn restart(&mut self) {
        server::Server::restart(self).expect("as before");
    }
}

impl Broker for RabbitMq {
    const NAME: &str = "amqp";

    fn url(&self) -> String {
        RabbitMq::url(self)
    }

    fn kill(&mut self) {
        RabbitMq::kill(self);
    }

    fn restart(&mut self) {
        RabbitMq::restart(self).expect("as before");
    }
}

impl Broker for Nats {
    const NAME: &str = "nats";

    fn url(&self) -> String {
        Nats::url(self)
    }

    fn kill(&mut self) {
        Nats::kill(self);
    }

    fn restart(&mut self) {
        Nats::restart(self).expect("as before");
    }
}

fn has(said: &[String], text: &str) -> bool {
    said.iter().any(|line| line.contains(text))
}

/// The traces of the requests: the lock's way into the queue is a part of each.
fn traces_of(handler: &[String]) -> BTreeSet<String> {
    let (requests, hand_overs) = (traces(handler, "POST /reports/{id}"), traces(handler, "hand_over_lock"));
    assert!(hand_overs.is_subset(&requests), "{handler:#?}");
    hand_overs
}

/// The trace ids of the spans of this name, as they were printed.
fn traces(said: &[String], name: &str) -> BTreeSet<String> {
    let of_spans = said.iter().filter_map(|line| {
        let (key, value) = line.trim().split_once(':')?;
        ["Name", "TraceId"].contains(&key.trim()).then(|| (key.trim(), value.trim()))
    });
    let of_spans: Vec<_> = of_spans.collect();
    let named = of_spans.windows(2).filter(|pair| pair[0] == ("Name", name) && pair[1].0 == "TraceId");
    named.map(|pair| pair[1].1.to_owned()).collect()
}
