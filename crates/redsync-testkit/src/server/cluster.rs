//! [`Cluster`]: masters that share the keys among them, each with replicas.

use super::patience::until;
use super::{Reply, Server, ServerError, replication};

/// One more than the last slot.
const SLOTS: usize = 16384;

/// No node fails over by itself, which one that is merely starved for a while would: tests say when.
const CONFIG: [&str; 6] = [
    "cluster-enabled yes",
    "cluster-announce-ip 127.0.0.1",
    "cluster-node-timeout 5000",
    "cluster-require-full-coverage no",
    "cluster-allow-replica-migration no",
    "cluster-replica-no-failover yes",
];

/// Is a Redis Cluster of real servers.
///
/// ```
/// use redsync_testkit::server::Cluster;
///
/// let cluster = Cluster::start(3, 1)?;
/// assert_eq!(cluster.owner("key")?.command(&["SET", "key", "value"])?.text(), Some("OK"));
/// let new = cluster.fail_over("key")?;
/// assert_eq!(new.command(&["GET", "key"])?.text(), Some("value"));
/// # Ok::<(), redsync_testkit::server::ServerError>(())
/// ```
#[derive(Debug)]
pub struct Cluster {
    shards: Vec<Shard>,
}

/// The servers that have the same keys; the first was their first master.
type Shard = Vec<Server>;

impl Cluster {
    /// Starts `masters`, each with so many replicas, and waits until all agree and all replicas are in step.
    ///
    /// # Errors
    ///
    /// Fails as [`Server::start`] does, and when the servers do not come to agree.
    pub fn start(masters: usize, replicas_each: usize) -> Result<Self, ServerError> {
        let shard = |_| (0..=replicas_each).map(|_| node().start()).collect();
        let cluster = Self { shards: (0..masters).map(shard).collect::<Result<_, _>>()? };
        cluster.share_slots()?;
        cluster.meet()?;
        cluster.replicate()?;
        Ok(cluster)
    }

    /// Returns the addresses of all servers.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.servers().map(Server::url).collect()
    }

    /// Returns all servers, shard by shard, the first masters first in theirs.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.shards.iter().flatten()
    }

    /// Returns the server that the cluster calls the master of `key`.
    ///
    /// # Errors
    ///
    /// Fails when no server answers, or none owns the key.
    pub fn owner(&self, key: &str) -> Result<&Server, ServerError> {
        let mut last = ServerError::NotRunning;
        for asked in self.running() {
            match owner_says(asked, key) {
                Ok(port) => return self.by_port(port).ok_or(ServerError::NotRunning),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Kills the master of `key` once a replica has all that it had, and returns that replica when all servers
    /// call it the master.
    ///
    /// # Errors
    ///
    /// Fails when there is no replica, or the servers do not come to agree.
    pub fn fail_over(&self, key: &str) -> Result<&Server, ServerError> {
        let (master, replica) = self.pair(key)?;
        master.replicated_to(replica)?;
        self.succeed(key, master, replica)
    }

    /// Cuts the replica of `key`'s master off: what is written from now on is lost in
    /// [`fail_over_without`](Self::fail_over_without).
    ///
    /// # Errors
    ///
    /// Fails when there is no replica.
    pub fn cut_off(&self, key: &str) -> Result<(), ServerError> {
        let (master, replica) = self.pair(key)?;
        master.cut_off(replica)
    }

    /// Kills the master of `key` and returns its replica when all servers call it the master, without what was
    /// written after [`cut_off`](Self::cut_off).
    ///
    /// # Errors
    ///
    /// Fails when there is no replica, or the servers do not come to agree.
    pub fn fail_over_without(&self, key: &str) -> Result<&Server, ServerError> {
        let (master, replica) = self.pair(key)?;
        self.succeed(key, master, replica)
    }

    fn succeed<'a>(&self, key: &str, old: &Server, new: &'a Server) -> Result<&'a Server, ServerError> {
        old.kill();
        new.resume()?;
        // Asks no other master, some of which may not have noticed yet; as an operator in a hurry would.
        new.command(&["CLUSTER", "FAILOVER", "TAKEOVER"])?.accepted()?;
        until("all servers of a cluster know the new master", || {
            let names_it = |server: &Server| Ok(owner_says(server, key)? == i64::from(new.port()));
            Ok(new.is_master()? && all(self.running(), names_it)?)
        })?;
        Ok(new)
    }

    /// The master of `key` and a running replica of it.
    fn pair(&self, key: &str) -> Result<(&Server, &Server), ServerError> {
        let master = self.owner(key)?;
        let shard = self.shards.iter().find(|shard| shard.iter().any(|server| is_same(server, master)));
        let mut replicas = shard.into_iter().flatten().filter(|server| !is_same(server, master));
        let replica = replicas.find(|server| server.process_id().is_some()).ok_or(ServerError::NotRunning)?;
        Ok((master, replica))
    }

    fn running(&self) -> impl Iterator<Item = &Server> {
        self.servers().filter(|server| server.process_id().is_some())
    }

    fn by_port(&self, port: i64) -> Option<&Server> {
        self.servers().find(|server| i64::from(server.port()) == port)
    }

    fn masters(&self) -> impl Iterator<Item = &Server> {
        self.shards.iter().filter_map(|shard| shard.first())
    }

    fn share_slots(&self) -> Result<(), ServerError> {
        let count = self.shards.len();
        for (index, master) in self.masters().enumerate() {
            let (first, last) = (SLOTS * index / count, SLOTS * (index + 1) / count - 1);
            // Masters of one and the same epoch would have to sort that out first.
            set_up(master, &["SET-CONFIG-EPOCH", &(index + 1).to_string()])?;
            set_up(master, &["ADDSLOTSRANGE", &first.to_string(), &last.to_string()])?;
        }
        Ok(())
    }

    fn meet(&self) -> Result<(), ServerError> {
        for (index, server) in self.servers().enumerate() {
            for other in self.servers().skip(index + 1) {
                set_up(server, &["MEET", "127.0.0.1", &other.port().to_string()])?;
            }
        }
        until("all servers of a cluster know each other", || {
            let count = self.servers().count().to_string();
            all(self.servers(), |server| {
                let info = server.command(&["CLUSTER", "INFO"])?.accepted()?;
                let says = |line: &str| info.text().unwrap_or_default().lines().any(|found| found == line);
                Ok(says("cluster_state:ok")
                    && says(&format!("cluster_known_nodes:{count}"))
                    && says(&format!("cluster_size:{}", self.shards.len()))
                    && flags(server, "handshake")? == 0)
            })
        })
    }

    fn replicate(&self) -> Result<(), ServerError> {
        for shard in &self.shards {
            let Some((master, replicas)) = shard.split_first() else { continue };
            let id = master.command(&["CLUSTER", "MYID"])?.accepted()?;
            for replica in replicas {
                set_up(replica, &["REPLICATE", id.text().unwrap_or_default()])?;
                replica.attached()?;
            }
        }
        let replicas = self.servers().count() - self.shards.len();
        until("all servers of a cluster know the replicas", || {
            all(self.servers(), |server| Ok(flags(server, "slave")? == replicas))
        })
    }
}

fn node() -> super::Builder {
    CONFIG.into_iter().chain(replication::CONFIG).fold(Server::builder(), super::Builder::config)
}

fn set_up(server: &Server, args: &[&str]) -> Result<Reply, ServerError> {
    server.command(&[&["CLUSTER"], args].concat())?.accepted()
}

/// How many nodes `server` gives this flag, itself included.
fn flags(server: &Server, flag: &str) -> Result<usize, ServerError> {
    let nodes = server.command(&["CLUSTER", "NODES"])?.accepted()?;
    let flags = nodes.text().unwrap_or_default().lines().filter_map(|line| line.split(' ').nth(2));
    Ok(flags.filter(|flags| flags.split(',').any(|found| found == flag)).count())
}

/// The port of the master that `asked` names for the slot of `key`.
fn owner_says(asked: &Server, key: &str) -> Result<i64, ServerError> {
    let slot = asked.command(&["CLUSTER", "KEYSLOT", key])?.accepted()?.int().unwrap_or_default();
    let ranges = asked.command(&["CLUSTER", "SLOTS"])?.accepted()?;
    let range = ranges.items().iter().find(|range| match range.items() {
        [first, last, ..] => (first.int()..=last.int()).contains(&Some(slot)),
        [] | [_] => false,
    });
    let master = range.and_then(|range| range.items().get(2)).and_then(|master| master.items().get(1));
    master.and_then(Reply::int).ok_or(ServerError::NotRunning)
}

fn is_same(one: &Server, other: &Server) -> bool {
    one.port() == other.port()
}

fn all<'a>(
    mut servers: impl Iterator<Item = &'a Server>,
    is_so: impl Fn(&Server) -> Result<bool, ServerError>,
) -> Result<bool, ServerError> {
    servers.try_fold(true, |so_far, server| Ok(so_far && is_so(server)?))
}
