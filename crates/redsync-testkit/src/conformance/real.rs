//! [`Real`]: a real server, with a proxy for what a server does not do when it is asked to.
#![expect(clippy::expect_used, clippy::panic, reason = "a case that has no server fails, and says why")]

use std::{marker::PhantomData, sync::Arc};

use redsync_core::{
    BoxFuture, Node,
    wire::{Native, Script},
};

use super::{Bench, Driver};
use crate::server::{Args, Proxy, Reply, Server};

/// What a lock sends.
const COMMANDS: [&str; 5] = ["SET", "EVAL", "EVALSHA", "DELIFEQ", "DELEX"];

/// A real server, reached by the driver `D`.
pub(super) struct Real<D> {
    server: Server,
    proxy: Proxy,
    driver: PhantomData<fn() -> D>,
}

impl<D: Driver> Real<D> {
    pub(super) fn start() -> Self {
        let server = Server::start().unwrap_or_else(|error| panic!("{error}"));
        let proxy = Proxy::start(server.port()).expect("a free port");
        let real = Self { server, proxy, driver: PhantomData };
        real.command(&["ACL", "SETUSER", "locker", "on", ">secret", "~*", "+@all"]);
        real
    }

    fn command(&self, args: &[&str]) -> Reply {
        let reply = self.server.command(args).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        if let Reply::Error(error) = &reply {
            panic!("{args:?}: {error}");
        }
        reply
    }

    /// The rights of both users, by rules such as `+@all`.
    fn allow(&self, rule: &str) {
        for user in ["default", "locker"] {
            self.command(&["ACL", "SETUSER", user, rule]);
        }
    }
}

impl<D: Driver + 'static> Bench for Real<D> {
    fn node(&self) -> BoxFuture<'_, Arc<dyn Node>> {
        Box::pin(async { D::open(&self.server.url()).await })
    }

    fn troubled_node(&self) -> BoxFuture<'_, Arc<dyn Node>> {
        Box::pin(async { D::open(&self.proxy.url()).await })
    }

    fn node_as_user(&self) -> BoxFuture<'_, Arc<dyn Node>> {
        let url = format!("redis://locker:secret@127.0.0.1:{}", self.server.port());
        Box::pin(async move { D::open(&url).await })
    }

    fn execute(&self, args: &[&str]) -> Option<String> {
        match self.command(args) {
            Reply::Bulk(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Reply::Status(text) => Some(text),
            Reply::Int(number) => Some(number.to_string()),
            Reply::Nil | Reply::Array(_) | Reply::Error(_) => None,
        }
    }

    fn calls(&self, command: &str) -> usize {
        let stats = self.command(&["INFO", "commandstats"]);
        let start = format!("cmdstat_{}:calls=", command.to_lowercase());
        let calls = stats.text().and_then(|text| text.lines().find_map(|line| line.strip_prefix(&start)));
        calls.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or_default()
    }

    fn sent(&self, command: &str) -> usize {
        self.proxy.seen(command)
    }

    fn forbid(&self, command: &str) {
        self.allow(&format!("-{}", command.to_lowercase()));
    }

    fn confine(&self, key: &str) {
        self.command(&["ACL", "SETUSER", "locker", "resetkeys", &format!("~{key}")]);
    }

    fn make_replica(&self) {
        // Of a server that is not there, which leaves it with what it has.
        self.command(&["REPLICAOF", "127.0.0.1", "1"]);
    }

    fn exhaust_memory(&self) {
        self.command(&["CONFIG", "SET", "maxmemory", "1"]);
    }

    fn refuse(&self, error: &str) {
        COMMANDS.iter().for_each(|command| self.proxy.refuse(command, error));
    }

    fn lose_requests(&self, command: &str) {
        self.proxy.lose_requests(command);
    }

    fn lose_replies(&self, command: &str) {
        self.proxy.lose_replies(command);
    }

    fn teach(&self, native: Native) {
        let (command, learn): (_, fn(Args) -> Args) = match native {
            Native::DelIfEq => ("DELIFEQ", |args| learnt(args, "1")),
            Native::DelEx => ("DELEX", |args| learnt(args, "2")),
        };
        self.proxy.translate(command, compare_and_delete);
        self.proxy.translate("EVAL", learn);
    }

    fn flush_scripts(&self) {
        self.command(&["SCRIPT", "FLUSH"]);
    }

    fn pause(&self) {
        self.server.pause().expect("it runs");
    }

    fn kill(&self) {
        self.server.kill();
    }

    fn restart_empty(&self) {
        self.server.restart_empty().unwrap_or_else(|error| panic!("{error}"));
    }

    fn relieve(&self) {
        self.proxy.relieve();
        self.server.resume().expect("it runs");
        self.allow("+@all");
        self.allow("allkeys");
        self.command(&["REPLICAOF", "NO", "ONE"]);
        self.command(&["CONFIG", "SET", "maxmemory", "0"]);
    }
}

/// `DELIFEQ key value` or `DELEX key IFEQ value`, for a server that has neither.
fn compare_and_delete(args: Args) -> Args {
    let (key, value) = (args.get(1).cloned(), args.last().cloned());
    let script = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0";
    let start = ["EVAL", script, "1"].map(|word| word.as_bytes().to_vec());
    start.into_iter().chain(key).chain(value).collect()
}

/// The release that asks what the server knows, with this answer in the place of the server's own.
fn learnt(mut args: Args, answer: &str) -> Args {
    let asks = |text: &&mut Vec<u8>| text.as_slice() == Script::RELEASE_AND_LEARN.text().as_bytes();
    if let Some(text) = args.get_mut(1).filter(asks) {
        let release = Script::RELEASE.text();
        *text = format!("local function release() {release} end return {{release(), {answer}}}").into_bytes();
    }
    args
}
