//! [`Trouble`]: what goes wrong with the servers, of which a minority is away at a time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use redsync_testkit::server::{Server, Servers};

use crate::{TTL, rival::Journal};

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It stands still for a while.
    Pause,
    /// It is killed, and comes back with its data.
    Restart,
    /// It is killed, and comes back without, when no lock that it had granted can be held any more.
    Empty,
}

/// Counts what has happened.
pub(crate) type Faults = BTreeMap<Kind, usize>;

/// Some threads, each of which troubles one server after the other: as many as a quorum can spare.
pub(crate) struct Trouble {
    hands: Vec<JoinHandle<()>>,
    faults: Arc<Mutex<Faults>>,
}

impl Trouble {
    /// Goes on until the journal is full.
    pub(crate) fn start(servers: Arc<Servers>, kinds: &[Kind], journal: Arc<Journal>) -> Self {
        let (spare, faults) = (servers.len().div_ceil(2) - 1, Arc::<Mutex<Faults>>::default());
        let hand = |number: usize| {
            let own: Vec<_> = (number..servers.len()).step_by(spare).collect();
            let (servers, journal, faults) =
                (Arc::clone(&servers), Arc::clone(&journal), Arc::clone(&faults));
            let kinds = kinds.to_vec();
            thread::spawn(move || {
                for kind in kinds.into_iter().cycle() {
                    let server = own[rand::random_range(0..own.len())];
                    kind.strike(&servers[server]);
                    *faults.lock().expect("no panic").entry(kind).or_default() += 1;
                    journal.note_fault(kind);
                    if journal.is_full() {
                        return;
                    }
                }
            })
        };
        let hands = (0..spare).map(hand).collect();
        Self { hands, faults }
    }

    /// Waits until all servers are well.
    pub(crate) fn end(self) -> Faults {
        self.hands.into_iter().for_each(|hand| hand.join().expect("no panic"));
        self.faults.lock().expect("no panic").clone()
    }
}

impl Kind {
    /// Does it, and mends it. Clients go without a server that was down for up to as long again.
    fn strike(self, server: &Server) {
        thread::sleep(millis(20..150));
        match self {
            Self::Pause => {
                server.pause().expect("it runs");
                thread::sleep(millis(50..600));
                server.resume().expect("it is stopped");
            }
            Self::Restart => {
                let away = millis(10..300);
                server.kill();
                thread::sleep(away);
                server.restart().expect("its port is free");
                thread::sleep(away);
            }
            Self::Empty => {
                // As servers' clocks go by milliseconds, and one may have executed its last request late.
                let away = TTL + millis(100..300);
                server.kill();
                thread::sleep(away);
                server.restart_empty().expect("its port is free");
                thread::sleep(away);
            }
        }
    }
}

fn millis(range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rand::random_range(range))
}
