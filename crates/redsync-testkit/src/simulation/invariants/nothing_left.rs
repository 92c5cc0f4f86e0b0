//! Nothing is left behind (P2): once everything has healed and settled, no key of a caller stands anywhere.

use super::{Invariant, View};
use crate::simulation::event::{Event, What};

pub(super) struct NothingLeft;

impl Invariant for NothingLeft {
    fn name(&self) -> &'static str {
        "nothing left"
    }

    fn observe(&mut self, event: &Event, view: &View<'_>) -> Result<(), String> {
        let What::MustBeClean { names } = &event.what else { return Ok(()) };
        let left = |(index, server): (usize, &crate::simulation::server::Server)| {
            let key = server.node().keys().into_iter().find(|key| key.starts_with(names))?;
            let (value, left) = (server.node().get(&key), server.node().ttl(&key));
            Some((index, format!("{key} ({} for another {left:?})", value.unwrap_or_default())))
        };
        match view.servers.iter().enumerate().find_map(left) {
            Some((server, key)) => Err(format!("{key} is left at server {server}")),
            None => Ok(()),
        }
    }
}
