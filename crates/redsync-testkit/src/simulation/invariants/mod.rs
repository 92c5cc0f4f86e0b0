//! What holds in every simulated world, a file each.
//!
//! An invariant sees every event when it happens, together with what stands on the servers at that moment. A further
//! one is a further file and a line in [`all`]; where it needs to know more, [`What`](super::event::What) gets
//! a further event.

mod deadlines;
mod exclusion;
mod losses;
mod losses_told;
mod nobody_elses_lock;
mod nothing_left;
mod one_adopter;
mod progress;
mod rising_fence;
mod tokens_stay_good;
mod truth;

use std::time::Duration;

use redsync_core::machine::NodeSet;

use super::{event::Event, server::Server};

/// Something that always holds.
pub(super) trait Invariant: Send {
    /// What it is called in reports.
    fn name(&self) -> &'static str;

    /// Takes in what happens.
    ///
    /// # Errors
    ///
    /// In what way it does not hold any more.
    fn observe(&mut self, event: &Event, view: &View<'_>) -> Result<(), String>;
}

/// What can be seen of a world at one moment.
pub(super) struct View<'a> {
    pub(super) servers: &'a [Server],
    /// How many of them make a quorum.
    pub(super) quorum: usize,
    /// Whether requests may be sent twice, so that a late copy may set a key anew.
    pub(super) repeats: bool,
    /// For how long a key may stand.
    pub(super) longest_ttl: Duration,
    /// Whether somebody else holds a lock for good, on every server.
    pub(super) has_bystander: bool,
}

impl View<'_> {
    /// The servers where this value stands under this name.
    pub(super) fn standing(&self, name: &str, value: &str) -> NodeSet {
        self.servers_with(|server| stands(server, name, value))
    }

    /// The servers where it certainly does so for that long by the world's clock, whatever becomes of extensions.
    pub(super) fn standing_for(&self, name: &str, value: &str, least: Duration) -> NodeSet {
        // A server's clock gains less than one in two hundred.
        let lasts = |server: &Server| server.node().ttl(name).is_some_and(|ttl| ttl - ttl / 200 >= least);
        self.servers_with(|server| stands(server, name, value) && lasts(server))
    }

    fn servers_with(&self, wanted: impl Fn(&Server) -> bool) -> NodeSet {
        self.servers.iter().enumerate().filter(|(_, server)| wanted(server)).map(|(index, _)| index).collect()
    }
}

fn stands(server: &Server, name: &str, value: &str) -> bool {
    server.node().get(name).as_deref() == Some(value)
}

/// All of them.
pub(super) fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<exclusion::Exclusion>::default(),
        Box::<nobody_elses_lock::NobodyElsesLock>::default(),
        Box::<one_adopter::OneAdopter>::default(),
        Box::<rising_fence::RisingFence>::default(),
        Box::<tokens_stay_good::TokensStayGood>::default(),
        Box::<truth::Truth>::default(),
        Box::new(deadlines::Deadlines),
        Box::new(losses_told::LossesTold),
        Box::new(nothing_left::NothingLeft),
        Box::new(progress::Progress),
    ]
}
