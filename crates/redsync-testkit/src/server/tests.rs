//! Tests of the launcher against the server program of this machine.

mod access;
mod groups;
mod proxy;

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, test_kill_process, waitid};

use super::*;

const SHORT: Duration = Duration::from_millis(200);

#[test]
fn a_started_server_stores_and_answers() {
    let server = Server::start().unwrap();
    assert_eq!(server.command(&["SET", "key", "value", "PX", "60000"]).unwrap(), ok());
    assert_eq!(server.command(&["GET", "key"]).unwrap(), Reply::Bulk(b"value".to_vec()));
    assert_eq!(server.command(&["KEYS", "*"]).unwrap(), Reply::Array(vec![Reply::Bulk(b"key".to_vec())]));
    assert!(server.command(&["PTTL", "key"]).unwrap().int().unwrap() > 50_000);
    assert_eq!(server.command(&["GET", "other"]).unwrap(), Reply::Nil);
    assert!(matches!(server.command(&["NONSENSE"]).unwrap(), Reply::Error(text) if text.starts_with("ERR")));
}

#[test]
fn binary_values_come_back_as_they_went() {
    let server = Server::start().unwrap();
    let value: &[u8] = b"\r\n\0\xff$3";
    assert_eq!(server.command(&[b"SET", b"key".as_slice(), value]).unwrap(), ok());
    assert_eq!(server.command(&["GET", "key"]).unwrap(), Reply::Bulk(value.to_vec()));
}

#[test]
fn one_client_sends_many_commands_and_reads_nested_replies() {
    let server = Server::start().unwrap();
    let mut client = server.client(COMMAND_TIMEOUT).unwrap();
    assert_eq!(client.command(&["MULTI"]).unwrap(), ok());
    client.command(&["RPUSH", "list", "a", "b"]).unwrap();
    client.command(&["LRANGE", "list", "0", "-1"]).unwrap();
    let list = Reply::Array(vec![Reply::Bulk(b"a".to_vec()), Reply::Bulk(b"b".to_vec())]);
    assert_eq!(client.command(&["EXEC"]).unwrap(), Reply::Array(vec![Reply::Int(2), list]));
}

#[test]
fn a_paused_server_hangs_and_a_resumed_one_answers_what_it_was_asked() {
    let server = Server::start().unwrap();
    let mut waiting = server.client(SHORT).unwrap();
    server.pause().unwrap();
    assert!(matches!(waiting.command(&["PING"]), Err(ServerError::TimedOut)));
    assert!(matches!(server.client(SHORT).unwrap().command(&["PING"]), Err(ServerError::TimedOut)));
    server.resume().unwrap();
    assert_eq!(waiting.read().unwrap(), pong());
    assert_eq!(server.command(&["PING"]).unwrap(), pong());
}

#[test]
fn pausing_and_resuming_again_and_again_is_in_step() {
    let server = Server::start().unwrap();
    for _ in 0..20 {
        server.pause().unwrap();
        server.pause().unwrap();
        assert!(news_of(&server).unwrap().stopped());
        server.resume().unwrap();
        assert!(news_of(&server).is_none());
        server.command(&["PING"]).unwrap();
    }
}

#[test]
fn a_killed_server_refuses_connections() {
    let server = Server::start().unwrap();
    server.kill();
    let error = server.command(&["PING"]).unwrap_err();
    assert!(matches!(error, ServerError::Io(error) if error.kind() == ErrorKind::ConnectionRefused));
    assert!(matches!(server.pause(), Err(ServerError::NotRunning)));
    assert!(matches!(server.resume(), Err(ServerError::NotRunning)));
    assert_eq!(server.process_id(), None);
    server.kill();
}

#[test]
fn a_server_that_ended_by_itself_can_not_be_paused() {
    let server = Server::start().unwrap();
    let _ = server.command(&["SHUTDOWN", "NOSAVE"]);
    while server.client(SHORT).is_ok() {}
    assert!(matches!(server.pause(), Err(ServerError::NotRunning)));
    server.restart_empty().unwrap();
    assert_eq!(server.command(&["PING"]).unwrap(), pong());
}

#[test]
fn a_server_restarted_empty_has_its_old_port_and_no_data() {
    let server = Server::start().unwrap();
    let (port, url) = (server.port(), server.url());
    for _ in 0..3 {
        server.command(&["SET", "key", "value"]).unwrap();
        server.pause().unwrap();
        server.restart_empty().unwrap();
        assert_eq!(server.command(&["DBSIZE"]).unwrap(), Reply::Int(0));
    }
    assert_eq!((server.port(), server.url()), (port, url));
    assert_eq!(server.log().matches("Ready to accept connections").count(), 4);
}

#[test]
fn a_server_that_writes_everything_down_has_its_data_after_a_restart() {
    let server = Server::builder().config("appendonly yes").start().unwrap();
    for number in 0..3 {
        server.command(&["INCR", "counter"]).unwrap();
        server.restart().unwrap();
        assert_eq!(server.command(&["GET", "counter"]).unwrap().text(), Some(&*(number + 1).to_string()));
    }
    server.restart_empty().unwrap();
    assert_eq!(server.command(&["DBSIZE"]).unwrap(), Reply::Int(0));
    server.restart().unwrap();
    assert_eq!(server.command(&["DBSIZE"]).unwrap(), Reply::Int(0));
}

#[test]
fn servers_of_a_quorum_are_independent() {
    let servers = Servers::start(3).unwrap();
    assert_eq!(servers.iter().map(Server::port).collect::<HashSet<_>>().len(), 3);
    servers[0].command(&["SET", "key", "value"]).unwrap();
    assert_eq!(servers[1].command(&["GET", "key"]).unwrap(), Reply::Nil);
    servers[0].kill();
    assert_eq!(servers[1].command(&["PING"]).unwrap(), pong());
}

#[test]
fn a_dropped_server_leaves_no_process_and_no_files() {
    let server = Server::start().unwrap();
    server.pause().unwrap();
    let (id, dir) = (process_id(&server), server.dir.path().to_owned());
    assert!(runs(id) && dir.exists());
    drop(server);
    assert!(!runs(id) && !dir.exists());
}

#[test]
fn the_end_of_the_test_process_ends_even_a_paused_server() {
    let server = Server::start().unwrap();
    server.pause().unwrap();
    server.state().process.as_mut().unwrap().watchdog().close_pipe();
    // Its own child stays a zombie until it is reaped.
    wait_until(|| news_of(&server).is_some_and(|news| news.killed()));
}

#[test]
fn a_taken_port_is_told_apart_from_other_failures() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let mut listen = Listen::draw(dir.path(), false).unwrap();
    listen.port = port;
    let error = Process::start(&plan(&[]), dir.path(), &listen).unwrap_err();
    assert!(matches!(error, ServerError::PortTaken { port: told } if told == port), "{error}");
    let error = Process::start(&plan(&["nonsense yes"]), dir.path(), &listen).unwrap_err();
    assert!(matches!(&error, ServerError::Exited { log, .. } if log.contains("nonsense")), "{error}");
}

#[test]
fn a_restart_waits_for_a_port_that_is_in_use_for_a_while() {
    let server = Server::start().unwrap();
    server.kill();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, server.port())).unwrap();
    thread::scope(|scope| {
        let restart = scope.spawn(|| server.restart_empty());
        thread::sleep(SHORT);
        drop(taken);
        restart.join().unwrap().unwrap();
    });
    assert_eq!(server.command(&["PING"]).unwrap(), pong());
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = Server::builder().binary("/no/such/server").start().unwrap_err();
    assert!(error.to_string().contains("/no/such/server"), "{error}");
}

#[test]
fn arguments_and_configuration_lines_reach_the_server() {
    let server = Server::builder().config("requirepass secret").args(["--hz", "77"]).start().unwrap();
    let mut client = server.client(COMMAND_TIMEOUT).unwrap();
    assert!(client.command(&["PING"]).unwrap().text().unwrap().starts_with("NOAUTH"));
    assert_eq!(client.command(&["AUTH", "secret"]).unwrap(), ok());
    assert_eq!(client.command(&["CONFIG", "GET", "hz"]).unwrap().items()[1].text(), Some("77"));
}

#[test]
fn clusters_and_sentinels_start_too() {
    let cluster = Server::builder().config("cluster-enabled yes").start().unwrap();
    assert_eq!(cluster.command(&["CLUSTER", "MYID"]).unwrap().text().unwrap().len(), 40);
    let sentinel = Server::builder().arg("--sentinel").start().unwrap();
    assert_eq!(sentinel.command(&["PING"]).unwrap(), pong());
}

fn plan(config: &[&str]) -> Plan {
    let config = config.iter().map(ToString::to_string).collect();
    Plan { binary: binary::find().unwrap(), args: Vec::new(), config, password: None, tls: false }
}

fn ok() -> Reply {
    Reply::Status("OK".to_owned())
}

fn pong() -> Reply {
    Reply::Status("PONG".to_owned())
}

fn process_id(server: &Server) -> u32 {
    server.process_id().unwrap()
}

fn runs(id: u32) -> bool {
    Pid::from_raw(i32::try_from(id).unwrap()).is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// Asks the kernel for a stop or an end of the process, without taking the news away from the launcher.
fn news_of(server: &Server) -> Option<WaitIdStatus> {
    let id = Pid::from_raw(i32::try_from(process_id(server)).unwrap()).unwrap();
    let news = WaitIdOptions::STOPPED | WaitIdOptions::EXITED;
    waitid(WaitId::Pid(id), news | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG).unwrap()
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}
