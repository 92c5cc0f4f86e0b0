//! What a proxy holds back, and what becomes of it.

use std::time::{Duration, Instant};

use super::{SHORT, ok};
use crate::server::{Client, Proxy, Server};

const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn a_held_command_is_passed_on_once_it_may() {
    let (server, proxy) = pair();
    let mut client = Client::connect(proxy.port(), SHORT).unwrap();
    proxy.hold();
    assert!(client.command(&["SET", "key", "value"]).is_err());
    assert_eq!(server.command(&["EXISTS", "key"]).unwrap().int(), Some(0));
    proxy.relieve();
    let mut client = Client::connect(proxy.port(), PATIENCE).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while client.command(&["EXISTS", "key"]).unwrap().int() != Some(1) {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_held_command_is_lost_with_its_connection() {
    let (server, proxy) = pair();
    let mut client = Client::connect(proxy.port(), SHORT).unwrap();
    proxy.hold();
    assert!(client.command(&["SET", "key", "value"]).is_err());
    proxy.cut();
    proxy.relieve();
    let mut client = Client::connect(proxy.port(), PATIENCE).unwrap();
    assert_eq!(client.command(&["SET", "other", "value"]).unwrap(), ok());
    assert_eq!(server.command(&["EXISTS", "key"]).unwrap().int(), Some(0));
}

#[test]
fn a_delayed_command_takes_its_time() {
    let (_server, proxy) = pair();
    let mut client = Client::connect(proxy.port(), PATIENCE).unwrap();
    proxy.delay(SHORT);
    let start = Instant::now();
    assert_eq!(client.command(&["SET", "key", "value"]).unwrap(), ok());
    assert!(start.elapsed() >= SHORT);
}

fn pair() -> (Server, Proxy) {
    let server = Server::start().unwrap();
    let proxy = Proxy::start(server.port()).unwrap();
    (server, proxy)
}
