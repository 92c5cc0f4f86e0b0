//! The faults: which there are, how one is drawn, made and healed.

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt, rngs::StdRng};

use crate::{
    Failure,
    crew::Crew,
    stage::{SERVERS, Stage, WAYS},
    terms::TTL,
};

/// How many servers may be away for a contender at the same time: less than half.
const MOST_AWAY: usize = SERVERS.div_ceil(2) - 1;
/// How many contenders may be stopped at the same time.
const MOST_STOPPED: usize = 2;

/// Names what goes wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A server stands still (SIGSTOP).
    StopServer(usize),
    /// A server loses its data, and comes back when no lock that it had granted can be held any more.
    KillServer(usize),
    /// Connections are cut.
    Cut { way: usize, server: usize },
    /// Requests are swallowed until they are let go on all at once.
    Hold { way: usize, server: usize },
    /// Requests are late.
    Delay { way: usize, server: usize, by: Duration },
    /// Requests are executed, and their connections cut.
    LoseReplies { way: usize, server: usize },
    /// A contender stands still (SIGSTOP).
    StopContender(usize),
    /// A contender is killed, and another one comes in its place.
    KillContender(usize),
}

impl Fault {
    /// Draws a fault and how long it lasts. It may be one that has to be left out now.
    pub(crate) fn draw(rng: &mut StdRng, places: usize) -> (Self, Duration) {
        let (way, server) = (rng.random_range(1..WAYS), rng.random_range(0..SERVERS));
        let place = rng.random_range(0..places.max(1));
        let millis = |rng: &mut StdRng, range| Duration::from_millis(rng.random_range(range));
        match rng.random_range(0..20) {
            0..4 => (Self::StopServer(server), millis(rng, 50..3500)),
            4..6 => (Self::KillServer(server), TTL + millis(rng, 100..1000)),
            6..9 => (Self::Cut { way, server }, Duration::ZERO),
            9..11 => (Self::Hold { way, server }, millis(rng, 50..3000)),
            11..13 => {
                let by = millis(rng, 5..150);
                (Self::Delay { way, server, by }, millis(rng, 500..2000))
            }
            13..15 => (Self::LoseReplies { way, server }, millis(rng, 50..1000)),
            15..18 => (Self::StopContender(place), millis(rng, 50..3500)),
            _ => (Self::KillContender(place), Duration::ZERO),
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::StopServer(_) => "servers stopped",
            Self::KillServer(_) => "servers emptied",
            Self::Cut { .. } => "connections cut",
            Self::Hold { .. } => "requests held",
            Self::Delay { .. } => "requests delayed",
            Self::LoseReplies { .. } => "replies lost",
            Self::StopContender(_) => "contenders stopped",
            Self::KillContender(_) => "contenders killed",
        }
    }

    /// Tells whether it lets requests arrive later than they were sent.
    pub(crate) fn holds_requests_up(self) -> bool {
        matches!(self, Self::StopServer(_) | Self::StopContender(_) | Self::Hold { .. } | Self::Delay { .. })
    }

    /// Makes it go wrong.
    pub(crate) fn strike(self, stage: &Stage, crew: &mut Crew) -> Result<(), Failure> {
        match self {
            Self::StopServer(server) => stage.server(server)?.pause()?,
            Self::KillServer(server) => stage.server(server)?.kill(),
            Self::Cut { way, server } => stage.proxy(way, server)?.cut(),
            Self::Hold { way, server } => stage.proxy(way, server)?.hold(),
            Self::Delay { way, server, by } => stage.proxy(way, server)?.delay(by),
            Self::LoseReplies { way, server } => stage.lose_replies(way, server)?,
            Self::StopContender(place) => crew.stop(place)?,
            Self::KillContender(place) => crew.replace(place)?,
        }
        Ok(())
    }

    /// Makes it well again.
    pub(crate) fn heal(self, stage: &Stage, crew: &mut Crew) -> Result<(), Failure> {
        match self {
            Self::StopServer(server) => stage.server(server)?.resume()?,
            Self::KillServer(server) => stage.server(server)?.restart_empty()?,
            Self::Hold { way, server }
            | Self::Delay { way, server, .. }
            | Self::LoseReplies { way, server } => {
                stage.proxy(way, server)?.relieve();
            }
            Self::StopContender(place) => crew.resume(place)?,
            Self::Cut { .. } | Self::KillContender(_) => {}
        }
        Ok(())
    }

    /// Tells whether it may happen beside those that last: what is wrong already stays as it is, and nobody loses
    /// more than a minority of the servers.
    pub(crate) fn may_join(self, lasting: &[Self], crew: &Crew) -> bool {
        let stopped = lasting.iter().filter(|fault| matches!(fault, Self::StopContender(_))).count();
        match self {
            Self::StopServer(_)
            | Self::KillServer(_)
            | Self::Hold { .. }
            | Self::Delay { .. }
            | Self::LoseReplies { .. } => {
                let mut all = lasting.to_vec();
                all.push(self);
                !lasting.iter().any(|fault| fault.shares_server_with(self)) && most_away(&all) <= MOST_AWAY
            }
            Self::Cut { .. } => true,
            Self::StopContender(place) => stopped < MOST_STOPPED && crew.at_work().contains(&place),
            Self::KillContender(place) => crew.at_work().contains(&place),
        }
    }

    fn server(self) -> Option<usize> {
        match self {
            Self::StopServer(server)
            | Self::KillServer(server)
            | Self::Hold { server, .. }
            | Self::Delay { server, .. }
            | Self::LoseReplies { server, .. } => Some(server),
            Self::Cut { .. } | Self::StopContender(_) | Self::KillContender(_) => None,
        }
    }

    fn way(self) -> Option<usize> {
        match self {
            Self::Cut { way, .. }
            | Self::Hold { way, .. }
            | Self::Delay { way, .. }
            | Self::LoseReplies { way, .. } => Some(way),
            Self::StopServer(_) | Self::KillServer(_) | Self::StopContender(_) | Self::KillContender(_) => {
                None
            }
        }
    }

    fn shares_server_with(self, other: Self) -> bool {
        let same_way = self.way() == other.way() || self.way().is_none() || other.way().is_none();
        self.server().is_some() && self.server() == other.server() && same_way
    }
}

/// Counts the servers that are away on the way that is hit worst. None shares a server with another on one way.
fn most_away(faults: &[Fault]) -> usize {
    let mut everywhere = 0;
    let mut ways = BTreeMap::<usize, usize>::new();
    for fault in faults.iter().filter(|fault| fault.server().is_some()) {
        match fault.way() {
            Some(way) => *ways.entry(way).or_default() += 1,
            None => everywhere += 1,
        }
    }
    everywhere + ways.into_values().max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_are_away_are_counted_for_each_way() {
        let hold = |way, server| Fault::Hold { way, server };
        let cases: [(&[Fault], usize); 4] = [
            (&[], 0),
            (&[Fault::StopServer(0), Fault::KillServer(1)], 2),
            (&[Fault::StopServer(0), hold(1, 1), hold(2, 2)], 2),
            (&[Fault::StopContender(0), hold(1, 1), hold(1, 2), Fault::KillServer(3)], 3),
        ];
        for (faults, expected) in cases {
            assert_eq!(most_away(faults), expected, "{faults:?}");
        }
    }
}
