//! The life of a lock on everything that can be a node: single servers, with TLS and passwords, clusters and
//! sentinels, which also fail over.
//!
//! It is one list of tests for every driver. A driver says in [`Driver`] how it reaches a [`Place`], and
//! [`topologies!`](crate::topologies) makes a `#[test]` of each entry.

#![expect(clippy::expect_used, clippy::panic, reason = "tests state what they expect")]

mod life;
mod macros;
mod outage;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use redsync_core::{Node, Released};

use crate::conformance;
use crate::server::{Builder, Cluster, LOCKER_RULES, Sentinels, Server, Servers};
use stage::Stage;

const SECRET: &str = "secret";

/// Is a driver that reaches more than plain servers.
pub trait Driver: conformance::Driver {
    /// Opens a node at a place of one of the groups that the driver is tested with.
    fn reach(place: &Place) -> impl Future<Output = Arc<dyn Node>> + Send;
}

/// Is what a driver makes one node of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// One server, by `redis://` with the user and the password that it asks for.
    Url(String),
    /// One server with TLS.
    Tls {
        /// Where it is, by `rediss://`.
        url: String,
        /// The certificate of the authority to trust.
        ca_pem: String,
    },
    /// One server, by its Unix socket.
    Unix(PathBuf),
    /// A cluster, by the URLs of its servers.
    Cluster(Vec<String>),
    /// The master that sentinels name.
    Sentinel {
        /// The URLs of the sentinels.
        urls: Vec<String>,
        /// What they call the master.
        group: String,
    },
}

/// Runs the life of a lock on one server.
pub fn one_node<D: Driver>() {
    independent_nodes::<D>(1);
}

/// Runs the life of a lock on three servers.
pub fn three_nodes<D: Driver>() {
    independent_nodes::<D>(3);
}

/// Runs the life of a lock on five servers.
pub fn five_nodes<D: Driver>() {
    independent_nodes::<D>(5);
}

/// Runs the life of a lock on one server with a password.
pub fn password<D: Driver>() {
    let server = start(Server::builder().password(SECRET));
    let place = Place::Url(format!("redis://:{SECRET}@127.0.0.1:{}", server.port()));
    live::<D>(Stage::of_one(place, &server));
}

/// Runs the life of a lock as a user who has [`LOCKER_RULES`] and no other rights, on a server that asks everyone
/// else for a password.
pub fn acl_user<D: Driver>() {
    let server = start(Server::builder().password("another").user("locker", SECRET, LOCKER_RULES));
    let place = Place::Url(format!("redis://locker:{SECRET}@127.0.0.1:{}", server.port()));
    live::<D>(Stage::of_one(place, &server));
}

/// Runs the life of a lock over a Unix socket.
pub fn unix_socket<D: Driver>() {
    let server = start(Server::builder());
    live::<D>(Stage::of_one(Place::Unix(server.socket()), &server));
}

/// Runs the life of a lock over TLS.
pub fn tls<D: Driver>() {
    let server = start(Server::builder().tls());
    let url = server.tls_url().expect("it was asked for TLS");
    let ca_pem = server.ca_pem().expect("it was asked for TLS");
    live::<D>(Stage::of_one(Place::Tls { url, ca_pem }, &server));
}

/// Trusts another authority than the one that vouches for the server: the lock is unreachable then.
pub fn tls_of_a_stranger<D: Driver>() {
    let (server, other) = (start(Server::builder().tls()), start(Server::builder().tls()));
    let url = server.tls_url().expect("it was asked for TLS");
    let ca_pem = other.ca_pem().expect("it was asked for TLS");
    let place = Place::Tls { url, ca_pem };
    D::block_on(Box::pin(async move { life::is_unreachable::<D>(&Stage::of_one(place, &server)).await }));
}

/// Runs the life of a lock on a cluster of three masters, which is one node.
pub fn cluster<D: Driver>() {
    let cluster = Cluster::start(3, 0).expect("a cluster");
    let owner = |key: &str| vec![cluster.owner(key).expect("somebody owns each key")];
    live::<D>(Stage::new(vec![Place::Cluster(cluster.urls())], owner));
}

/// Runs the life of a lock on the master of three sentinels.
pub fn sentinel<D: Driver>() {
    let sentinels = Sentinels::start().expect("sentinels");
    let master = |_: &str| vec![sentinels.master().expect("they name one")];
    live::<D>(Stage::new(vec![outage::Group::place(&sentinels)], master));
}

/// Fails a cluster over while locks are held: see [`sentinel_fail_over`].
pub fn cluster_fail_over<D: Driver>() {
    let cluster = Arc::new(Cluster::start(3, 1).expect("a cluster"));
    D::block_on(Box::pin(outage::keeps::<D, _>(cluster)));
}

/// Fails a cluster over to a replica that never heard of the lock: see [`sentinel_loses_lock`].
pub fn cluster_loses_lock<D: Driver>() {
    let cluster = Arc::new(Cluster::start(3, 1).expect("a cluster"));
    D::block_on(Box::pin(outage::loses::<D, _>(cluster)));
}

/// Kills the master while locks are held, and names a replica that has them.
///
/// Extending fails as "unreachable" at most, also while there is no master, until it succeeds within 30 s, and then
/// the key lasts longer on the new master. Releasing succeeds likewise, and then the key is gone there. A rival is
/// refused before that and served after it. Every call ends within its deadline.
pub fn sentinel_fail_over<D: Driver>() {
    let sentinels = Arc::new(Sentinels::start().expect("sentinels"));
    D::block_on(Box::pin(outage::keeps::<D, _>(sentinels)));
}

/// Stops the master, which keeps its connections, while a lock is held, and names a replica that has it.
///
/// Extending fails as "unreachable" at most, until it succeeds on the new master within 30 s.
pub fn sentinel_of_a_hung_master<D: Driver>() {
    let sentinels = Arc::new(Sentinels::start().expect("sentinels"));
    D::block_on(Box::pin(outage::outlives::<D>(sentinels)));
}

/// Kills the master while a lock is held, and names a replica that never heard of it.
///
/// Extending never succeeds: it fails as "unreachable" at most, until it says within 30 s that the lock is lost.
/// Then its guard is not valid, a rival gets the lock, and releasing the lost one says that it was gone, and leaves
/// the rival's key alone. Every call ends within its deadline.
pub fn sentinel_loses_lock<D: Driver>() {
    let sentinels = Arc::new(Sentinels::start().expect("sentinels"));
    D::block_on(Box::pin(outage::loses::<D, _>(sentinels)));
}

impl Place {
    /// Checks what a release says that found nothing of ours.
    ///
    /// Clients of clusters may send a request twice, and then it may be the first of the two that deleted it.
    fn assert_found_nothing(&self, released: Released) {
        let may_repeat = matches!(self, Self::Cluster(_));
        let is_true = released == Released::AlreadyGone || (may_repeat && released == Released::Unclear);
        assert!(is_true, "{released:?} at {self:?}");
    }
}

fn independent_nodes<D: Driver>(count: usize) {
    let servers = Servers::start(count).expect("servers");
    let places = servers.urls().into_iter().map(Place::Url).collect();
    live::<D>(Stage::new(places, |_| servers.iter().collect()));
}

fn live<D: Driver>(stage: Stage<'_>) {
    D::block_on(Box::pin(async move { life::live::<D>(&stage).await }));
}

fn start(builder: Builder) -> Server {
    builder.start().expect("a server")
}
