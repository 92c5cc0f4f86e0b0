//! [`Stage`]: the nodes of a test, and what stands on their servers, seen without the driver.

use redsync_core::{Redsync, Released};

use super::{Driver, Place};
use crate::server::{Reply, Server};

/// Finds the servers that a key should be on.
type Holders<'a> = Box<dyn Fn(&str) -> Vec<&'a Server> + Send + Sync + 'a>;

/// Is what a test plays on.
pub(super) struct Stage<'a> {
    places: Vec<Place>,
    holders: Holders<'a>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        places: Vec<Place>,
        holders: impl Fn(&str) -> Vec<&'a Server> + Send + Sync + 'a,
    ) -> Self {
        Self { places, holders: Box::new(holders) }
    }

    pub(super) fn of_one(place: Place, server: &'a Server) -> Self {
        Self::new(vec![place], move |_| vec![server])
    }

    /// Opens connections of its own.
    pub(super) async fn redsync<D: Driver>(&self) -> Redsync {
        redsync::<D>(&self.places).await
    }

    /// Checks that the key holds this value everywhere, or nothing.
    pub(super) fn assert_holds(&self, key: &str, value: Option<&str>) {
        for server in (self.holders)(key) {
            assert_eq!(get(server, key).as_deref(), value, "{key} on {}", server.url());
        }
    }

    /// Checks what a release says that found nothing of ours.
    pub(super) fn assert_found_nothing(&self, released: Released) {
        self.places.iter().for_each(|place| place.assert_found_nothing(released));
    }

    /// Leaves the key so many milliseconds, everywhere.
    pub(super) fn shorten(&self, key: &str, ttl: u32) {
        for server in (self.holders)(key) {
            shorten(server, key, ttl);
        }
    }

    /// Checks that the key lasts longer than so many milliseconds, everywhere.
    pub(super) fn assert_lasts(&self, key: &str, ttl: i64) {
        for server in (self.holders)(key) {
            assert!(lasts(server, key) > ttl, "{key} on {} ends too soon", server.url());
        }
    }
}

pub(super) async fn redsync<D: Driver>(places: &[Place]) -> Redsync {
    let mut builder = Redsync::builder(D::runtime());
    for place in places {
        builder = builder.node(D::reach(place).await);
    }
    builder.build().expect("a number of nodes that can be")
}

pub(super) fn get(server: &Server, key: &str) -> Option<String> {
    ask(server, &["GET", key]).text().map(str::to_owned)
}

pub(super) fn shorten(server: &Server, key: &str, ttl: u32) {
    assert_eq!(ask(server, &["PEXPIRE", key, &ttl.to_string()]).int(), Some(1), "{key} is not there");
}

/// How many milliseconds the key lasts.
pub(super) fn lasts(server: &Server, key: &str) -> i64 {
    ask(server, &["PTTL", key]).int().expect("a number")
}

fn ask(server: &Server, args: &[&str]) -> Reply {
    let reply = server.command(args).expect("it answers");
    assert!(!matches!(reply, Reply::Error(_)), "{args:?}: {reply:?}");
    reply
}
