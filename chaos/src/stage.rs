//! The servers of a run, and the ways on which contenders reach them.

use std::{
    thread,
    time::{Duration, Instant},
};

use redsync_testkit::server::{Proxy, Server, ServerError, Servers};

use crate::{Failure, args::Broken, terms::TTL};

pub(crate) const SERVERS: usize = 5;
/// How many ways there are: one without proxies, and some with proxies of their own.
pub(crate) const WAYS: usize = 3;
/// How many contenders take each way.
const CONTENDERS_PER_WAY: usize = 2;
/// Bounds a question while servers may be stopped.
const PATIENCE: Duration = Duration::from_millis(500);
/// Bounds a question when all servers are well, if busy.
const LONG_PATIENCE: Duration = Duration::from_secs(10);
/// Is added to the TTL until what was left has to be gone, as the servers' clocks go by milliseconds.
const GONE_WITHIN: Duration = Duration::from_millis(500);
const POLL_EVERY: Duration = Duration::from_millis(20);
/// Lists the commands whose replies get lost.
const COMMANDS: [&str; 3] = ["SET", "EVAL", "EVALSHA"];

/// Is the servers and the proxies before them.
#[derive(Debug)]
pub(crate) struct Stage {
    servers: Servers,
    /// Holds a proxy for each server, for each way but the first.
    proxies: Vec<Vec<Proxy>>,
}

impl Stage {
    pub(crate) fn start() -> Result<Self, Failure> {
        let servers = Servers::start(SERVERS)?;
        let way = |_| servers.iter().map(|server| Proxy::start(server.port())).collect();
        let proxies = (1..WAYS).map(way).collect::<Result<_, ServerError>>()?;
        Ok(Self { servers, proxies })
    }

    /// Returns the addresses for each contender.
    pub(crate) fn urls(&self, broken: Option<Broken>) -> Vec<Vec<String>> {
        let ways: Vec<_> = (0..WAYS).map(|way| self.way(way)).collect();
        let mut all: Vec<_> = ways.iter().cycle().take(WAYS * CONTENDERS_PER_WAY).cloned().collect();
        if broken == Some(Broken::OwnNodes) {
            for (place, urls) in all.iter_mut().enumerate() {
                let others = urls.split_off(2);
                if place % 2 == 1 {
                    *urls = others;
                }
            }
        }
        all
    }

    fn way(&self, way: usize) -> Vec<String> {
        match way.checked_sub(1).and_then(|way| self.proxies.get(way)) {
            Some(proxies) => proxies.iter().map(Proxy::url).collect(),
            None => self.servers.urls(),
        }
    }

    pub(crate) fn server(&self, server: usize) -> Result<&Server, Failure> {
        self.servers.get(server).ok_or_else(|| "there is no such server".into())
    }

    pub(crate) fn proxy(&self, way: usize, server: usize) -> Result<&Proxy, Failure> {
        let proxies = way.checked_sub(1).and_then(|way| self.proxies.get(way));
        proxies.and_then(|proxies| proxies.get(server)).ok_or_else(|| "there is no such proxy".into())
    }

    pub(crate) fn lose_replies(&self, way: usize, server: usize) -> Result<(), Failure> {
        let proxy = self.proxy(way, server)?;
        COMMANDS.iter().for_each(|command| proxy.lose_replies(command));
        Ok(())
    }

    /// Deletes all data of a majority, as far as it answers.
    pub(crate) fn wipe(&self) {
        for server in self.servers.iter().take(SERVERS / 2 + 1) {
            let wiped = server.client(PATIENCE).and_then(|mut client| client.command(&["FLUSHALL"]));
            // A server that is away has nothing, or cannot be asked now.
            drop(wiped);
        }
    }

    /// Waits until no server has a key; after a TTL it says which there are.
    pub(crate) fn wait_until_empty(&self) -> Result<(Duration, Vec<String>), Failure> {
        let start = Instant::now();
        loop {
            let left = self.keys()?;
            if left.is_empty() || start.elapsed() > TTL + GONE_WITHIN {
                return Ok((start.elapsed(), left));
            }
            thread::sleep(POLL_EVERY);
        }
    }

    fn keys(&self) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        for (number, server) in self.servers.iter().enumerate() {
            let mut client = server.client(LONG_PATIENCE)?;
            for key in client.command(&["KEYS", "*"])?.items() {
                let name = key.text().unwrap_or_default();
                let value = client.command(&["GET", name])?;
                let ttl = client.command(&["PTTL", name])?.int().unwrap_or_default();
                found.push(format!("server {number} has {name} = {value:?} for {ttl} ms more"));
            }
        }
        Ok(found)
    }
}
