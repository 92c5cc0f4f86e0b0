//! [`Judge`]: the invariants of the simulation, for worlds of one's own.

use std::{fmt, time::Duration};

use super::{
    event::Event,
    history::{History, Violation},
    invariants::View,
    server::Server,
};

/// Looks at everything that happens in a world of your own, as the invariants do in simulated ones.
///
/// It knows what it is told, and sees what stands on the servers at that moment. So an event has to be recorded when
/// it happens: [`Granted`](super::What::Granted) when a lock was taken, [`Extended`](super::What::Extended),
/// [`Says`](super::What::Says) and [`Lost`](super::What::Lost) by what its guard tells,
/// [`GivenUp`](super::What::GivenUp) before it is released or dropped, a [`Fault`](super::What::Fault) where a server
/// loses data, and [`MustBeClean`](super::What::MustBeClean) when nothing may be left.
pub struct Judge {
    servers: Vec<Server>,
    quorum: usize,
    repeats: bool,
    longest_ttl: Duration,
    history: History,
}

impl Judge {
    /// A judge of locks on these servers, of which so many make a quorum.
    pub fn new(servers: Vec<Server>, quorum: usize) -> Self {
        Self { servers, quorum, repeats: false, longest_ttl: Duration::MAX, history: History::new() }
    }

    /// The same for a world in which clients may send requests twice.
    #[must_use]
    pub fn with_repeats(self) -> Self {
        Self { repeats: true, ..self }
    }

    /// The same for a world in which no TTL is longer. A server that has lost its data excuses for so long that a lock
    /// does not stand there; without this, for good.
    #[must_use]
    pub fn with_longest_ttl(self, longest_ttl: Duration) -> Self {
        Self { longest_ttl, ..self }
    }

    /// Takes in what has just happened. After the first violation nothing is taken in any more.
    pub fn record(&mut self, event: Event) {
        let Self { servers, quorum, repeats, longest_ttl, history } = self;
        let (quorum, repeats, longest_ttl) = (*quorum, *repeats, *longest_ttl);
        let view = View { servers, quorum, repeats, longest_ttl, has_bystander: false };
        history.record(event, &view);
    }

    /// The first promise that was not kept.
    pub fn verdict(&self) -> Option<&Violation> {
        self.history.violation()
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (quorum, verdict) = (self.quorum, self.verdict());
        f.debug_struct("Judge").field("quorum", &quorum).field("verdict", &verdict).finish_non_exhaustive()
    }
}
