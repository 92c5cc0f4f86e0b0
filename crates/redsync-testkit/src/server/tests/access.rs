//! Tests of the ways to a server: sockets, TLS, passwords and users.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use redsync_core::wire::Script;

use super::*;

#[test]
fn a_server_listens_on_a_unix_socket_that_outlives_restarts() {
    let server = Server::start().unwrap();
    assert!(server.socket().as_os_str().len() < 104, "{:?}", server.socket());
    for _ in 0..2 {
        let mut stream = UnixStream::connect(server.socket()).unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert_eq!(line, "+PONG\r\n");
        server.restart_empty().unwrap();
    }
}

#[test]
fn a_server_with_tls_has_a_certificate_that_its_authority_vouches_for() {
    let server = Server::builder().tls().start().unwrap();
    let port = server.command(&["CONFIG", "GET", "tls-port"]).unwrap();
    let url = server.tls_url().unwrap();
    assert_eq!(url.strip_prefix("rediss://127.0.0.1:"), port.items()[1].text());
    assert!(server.ca_pem().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    server.restart_empty().unwrap();
    assert_eq!(server.tls_url().unwrap(), url);
}

#[test]
fn a_server_without_tls_says_so() {
    let server = Server::start().unwrap();
    assert_eq!((server.tls_url(), server.ca_pem()), (None, None));
}

#[test]
fn a_password_is_asked_of_everyone_and_given_by_the_launcher() {
    let server = Server::builder().password("a secret").start().unwrap();
    assert_eq!(server.command(&["SET", "key", "value"]).unwrap(), ok());
    let mut stranger = Client::connect(server.port(), COMMAND_TIMEOUT).unwrap();
    let refusal = stranger.command(&["GET", "key"]).unwrap();
    assert!(refusal.text().unwrap().starts_with("NOAUTH"), "{refusal:?}");
}

#[test]
fn a_locker_may_do_what_locks_need_and_nothing_else() {
    let server = Server::builder().user("locker", "secret", LOCKER_RULES).start().unwrap();
    let mut locker = server.client(COMMAND_TIMEOUT).unwrap();
    assert_eq!(locker.command(&["AUTH", "locker", "secret"]).unwrap(), ok());
    for script in Script::ALL {
        for key in ["free", "taken"] {
            for reply in run(&mut locker, script, key) {
                assert!(matches!(reply, Reply::Int(_) | Reply::Array(_)), "{reply:?}");
            }
        }
    }
    assert_eq!(locker.command(&["SET", "lock", "value", "NX", "PX", "1000"]).unwrap(), ok());
    for forbidden in [&["FLUSHALL"][..], &["KEYS", "*"], &["SCRIPT", "FLUSH"], &["CONFIG", "GET", "*"]] {
        let reply = locker.command(forbidden).unwrap();
        assert!(reply.text().unwrap().starts_with("NOPERM"), "{forbidden:?}: {reply:?}");
    }
}

/// Without any one of the rules, something that locks do is refused.
#[test]
fn none_of_the_locker_s_rights_can_be_spared() {
    let server = Server::start().unwrap();
    for right in LOCKER_RULES.split(' ').filter(|rule| rule.starts_with('+') && *rule != "+ping") {
        let user = format!("without{right}");
        let rules = LOCKER_RULES.split(' ').filter(|rule| *rule != right);
        let set: Vec<_> = ["ACL", "SETUSER", &user, "on", ">secret"].into_iter().chain(rules).collect();
        assert_eq!(server.command(&set).unwrap(), ok());
        assert!(is_refused_something(&server, &user), "{right} is not needed");
    }
}

/// Runs a script as text and by its digest, with all the keys and arguments that any of them takes.
fn run(client: &mut Client, script: Script, key: &str) -> [Reply; 2] {
    let keys: &[&str] = if script.text().contains("KEYS[2]") { &["2", key, "counter"] } else { &["1", key] };
    [["EVAL", script.text()], ["EVALSHA", script.sha1()]].map(|command| {
        let words = [&command, keys, &["value", "1000", "60000", "x", "7"]].concat();
        client.command(&words).unwrap()
    })
}

fn is_refused_something(server: &Server, user: &str) -> bool {
    server.command(&["FLUSHALL"]).unwrap();
    let mut client = server.client(COMMAND_TIMEOUT).unwrap();
    assert_eq!(client.command(&["AUTH", user, "secret"]).unwrap(), ok());
    let mut replies = vec![client.command(&["SET", "lock", "value", "NX", "PX", "10"]).unwrap()];
    for script in Script::ALL {
        replies.push(client.command(&["SET", "lock", "value", "PX", "10"]).unwrap());
        replies.extend(run(&mut client, script, "lock"));
    }
    replies.iter().any(|reply| matches!(reply, Reply::Error(_)))
}

#[test]
fn a_server_tells_its_name_and_version() {
    let version = Server::start().unwrap().version().unwrap();
    let (name, number) = version.split_once(' ').unwrap();
    assert!(["Redis", "Valkey"].contains(&name), "{version}");
    assert!(number.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
}
