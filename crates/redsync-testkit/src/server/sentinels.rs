//! [`Sentinels`]: a master and a replica, and three sentinels that say which is which.

use std::sync::atomic::{AtomicU32, Ordering};

use super::patience::until;
use super::{Builder, Reply, Server, ServerError, Servers, replication};

const COUNT: usize = 3;

/// Sentinels do not fail over by themselves before a minute, which they would for a master that is merely
/// starved for a while: tests say when.
const CONFIG: [(&str, &str); 2] = [("down-after-milliseconds", "60000"), ("failover-timeout", "10000")];

/// Sentinels that hear of each other more often. Where a server is too old for these, it only takes longer.
const HASTE: [&str; 10] = [
    "publish-period",
    "100",
    "info-period",
    "500",
    "ask-period",
    "100",
    // A sentinel that was starved for a while would do nothing for half a minute.
    "tilt-trigger",
    "60000",
    "default-failover-timeout",
    "10000",
];

/// Is a group of real servers: a master, a replica and three sentinels, two of whom make a quorum.
///
/// ```
/// use redsync_testkit::server::Sentinels;
///
/// let sentinels = Sentinels::start()?;
/// assert_eq!(sentinels.master()?.command(&["SET", "key", "value"])?.text(), Some("OK"));
/// let new = sentinels.fail_over()?;
/// assert_eq!(new.command(&["GET", "key"])?.text(), Some("value"));
/// # Ok::<(), redsync_testkit::server::ServerError>(())
/// ```
#[derive(Debug)]
pub struct Sentinels {
    /// What the master is called. Sentinels go on greeting the port of a master that died, and who listens there by
    /// then may belong to another group: it takes greetings for its own master only.
    group: String,
    servers: Servers,
    sentinels: Servers,
}

impl Sentinels {
    /// Starts all and waits until the sentinels know each other, the master and the replica.
    ///
    /// # Errors
    ///
    /// Fails as [`Server::start`] does, and when the servers do not come to agree.
    pub fn start() -> Result<Self, ServerError> {
        let master = data().start()?;
        let replica = data().config(format!("replicaof 127.0.0.1 {}", master.port())).start()?;
        replica.attached()?;
        let group = unique_name();
        let sentinels =
            (0..COUNT).map(|_| sentinel(&group, &master).start()).collect::<Result<Vec<_>, _>>()?;
        let servers = vec![master, replica].into();
        let group = Self { group, servers, sentinels: sentinels.into() };
        group.acquaint()?;
        Ok(group)
    }

    /// Returns the addresses of the sentinels.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.urls()
    }

    /// Returns what the sentinels call the master.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Returns the server that the sentinels name as the master.
    ///
    /// # Errors
    ///
    /// Fails when the first sentinel does not answer.
    pub fn master(&self) -> Result<&Server, ServerError> {
        let sentinel = self.sentinels.first().ok_or(ServerError::NotRunning)?;
        let port = field(&self.ask(sentinel, "MASTER")?, "port");
        self.servers
            .iter()
            .find(|server| Some(server.port().to_string()) == port)
            .ok_or(ServerError::NotRunning)
    }

    /// Kills the master once the replica has all that it had, and returns the replica when it takes writes and
    /// all sentinels name it.
    ///
    /// # Errors
    ///
    /// Fails when there is no replica any more, or the sentinels do not come to agree.
    pub fn fail_over(&self) -> Result<&Server, ServerError> {
        let (master, replica) = self.pair()?;
        master.replicated_to(replica)?;
        master.kill();
        self.succeed(replica)
    }

    /// Stops the master, which keeps its connections, and goes on as [`fail_over`](Self::fail_over).
    ///
    /// # Errors
    ///
    /// Fails when there is no replica any more, or the sentinels do not come to agree.
    pub fn fail_over_from_hung(&self) -> Result<&Server, ServerError> {
        let (master, replica) = self.pair()?;
        master.replicated_to(replica)?;
        master.pause()?;
        self.succeed(replica)
    }

    /// Cuts the replica off: what is written from now on is lost in
    /// [`fail_over_without`](Self::fail_over_without).
    ///
    /// # Errors
    ///
    /// Fails when there is no replica any more.
    pub fn cut_off(&self) -> Result<(), ServerError> {
        let (master, replica) = self.pair()?;
        master.cut_off(replica)
    }

    /// Kills the master and returns the replica when it takes writes and all sentinels name it, without what was
    /// written after [`cut_off`](Self::cut_off).
    ///
    /// # Errors
    ///
    /// Fails when there is no replica any more, or the sentinels do not come to agree.
    pub fn fail_over_without(&self) -> Result<&Server, ServerError> {
        let (master, replica) = self.pair()?;
        master.kill();
        self.succeed(replica)
    }

    fn succeed<'a>(&self, new: &'a Server) -> Result<&'a Server, ServerError> {
        new.resume()?;
        let leader = self.sentinels.first().ok_or(ServerError::NotRunning)?;
        // Refused while the sentinel has not heard from the replica lately.
        until("a sentinel fails over", || {
            Ok(leader.command(&["SENTINEL", "FAILOVER", &self.group])?.text() == Some("OK"))
        })?;
        until("all sentinels name the new master", || Ok(new.is_master()? && self.all_name(new)?))?;
        Ok(new)
    }

    fn all_name(&self, master: &Server) -> Result<bool, ServerError> {
        let port = Some(master.port().to_string());
        self.all(|sentinel| Ok(field(&self.ask(sentinel, "MASTER")?, "port") == port))
    }

    fn pair(&self) -> Result<(&Server, &Server), ServerError> {
        let master = self.master()?;
        let replica = self.servers.iter().find(|server| server.port() != master.port());
        Ok((master, replica.ok_or(ServerError::NotRunning)?))
    }

    fn acquaint(&self) -> Result<(), ServerError> {
        for sentinel in self.sentinels.iter() {
            // An error reply of an older server is fine.
            sentinel.command(&[&["SENTINEL", "DEBUG"], &HASTE[..]].concat())?;
        }
        until("all sentinels know each other", || {
            self.all(|sentinel| {
                let others = self.ask(sentinel, "SENTINELS")?.items().len();
                let replicas = self.ask(sentinel, "REPLICAS")?;
                let is_known =
                    |replica: &Reply| field(replica, "master-link-status").as_deref() == Some("ok");
                Ok(others == COUNT - 1
                    && replicas.items().iter().filter(|replica| is_known(replica)).count() == 1)
            })
        })
    }

    fn ask(&self, sentinel: &Server, what: &str) -> Result<Reply, ServerError> {
        sentinel.command(&["SENTINEL", what, &self.group])?.accepted()
    }

    fn all(&self, is_so: impl Fn(&Server) -> Result<bool, ServerError>) -> Result<bool, ServerError> {
        self.sentinels.iter().try_fold(true, |so_far, sentinel| Ok(so_far && is_so(sentinel)?))
    }
}

fn data() -> Builder {
    replication::CONFIG.into_iter().fold(Server::builder(), Builder::config)
}

fn sentinel(group: &str, master: &Server) -> Builder {
    let monitor = format!("sentinel monitor {group} 127.0.0.1 {} 2", master.port());
    let line = |(option, value)| format!("sentinel {option} {group} {value}");
    let builder = Server::builder().arg("--sentinel").config(monitor);
    CONFIG.into_iter().map(line).fold(builder, Builder::config)
}

/// A name that no other group has, in this process or beside it.
fn unique_name() -> String {
    static SO_FAR: AtomicU32 = AtomicU32::new(0);
    format!("group-{}-{}", std::process::id(), SO_FAR.fetch_add(1, Ordering::Relaxed))
}

/// Looks a field up in a list of names and values.
fn field(fields: &Reply, name: &str) -> Option<String> {
    let mut pairs = fields.items().chunks_exact(2);
    pairs.find_map(|pair| match pair {
        [key, value] if key.text() == Some(name) => value.text().map(str::to_owned),
        [..] => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_groups_have_the_same_name() {
        assert_ne!(unique_name(), unique_name());
    }
}
