//! [`Server`]: a simulated server that crashes, and comes back with all, some or none of its data.

use std::sync::{Arc, Mutex};

use super::{clock::Clock, process::Process};
use crate::{
    memory::{MemoryNode, Snapshot},
    virtual_time::lock,
};

/// A server with a clock of its own. Clones are further handles to it.
#[derive(Clone)]
pub struct Server {
    node: MemoryNode,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// How many reasons there are for it to be down; it starts when the last is gone.
    down: u32,
    paused: u32,
    earlier: Option<Snapshot>,
}

/// What a server has when it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comeback {
    /// All that it had.
    WithData,
    /// What it had when the last snapshot was taken, or nothing.
    FromSnapshot,
    /// Nothing.
    Empty,
}

impl Server {
    /// A running, empty server with this clock.
    pub fn new(index: usize, clock: Clock) -> Self {
        let clock = Process::new(clock);
        Self {
            node: MemoryNode::new(clock.shared()).named(format!("server {index}")),
            shared: Arc::default(),
        }
    }

    /// The server's memory, and the direct way to it.
    pub fn node(&self) -> &MemoryNode {
        &self.node
    }

    /// Whether it is down.
    pub fn is_down(&self) -> bool {
        lock(&self.shared).down > 0
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        lock(&self.shared).paused > 0
    }

    /// Whether it answers nothing, be it down or paused.
    pub fn is_away(&self) -> bool {
        self.is_down() || self.is_paused()
    }

    /// Ends the server's process. Each call asks for one [`start`](Self::start).
    pub fn crash(&self, comeback: Comeback) {
        let mut shared = lock(&self.shared);
        shared.down += 1;
        let earlier = shared.earlier.clone();
        drop(shared);
        self.node.stop();
        match (comeback, earlier) {
            (Comeback::WithData, _) => {}
            (Comeback::FromSnapshot, Some(snapshot)) => self.node.restore(&snapshot),
            (Comeback::FromSnapshot, None) | (Comeback::Empty, _) => self.node.wipe(),
        }
    }

    /// Takes one reason to be down away.
    pub fn start(&self) {
        let mut shared = lock(&self.shared);
        shared.down = shared.down.saturating_sub(1);
        if shared.down == 0 {
            drop(shared);
            self.node.start();
        }
    }

    /// Holds the server. Each call asks for one [`resume`](Self::resume).
    pub fn pause(&self) {
        lock(&self.shared).paused += 1;
        self.node.pause();
    }

    /// Takes one reason to be paused away.
    pub fn resume(&self) {
        let mut shared = lock(&self.shared);
        shared.paused = shared.paused.saturating_sub(1);
        if shared.paused == 0 {
            drop(shared);
            self.node.resume();
        }
    }

    /// Takes a snapshot to come back from.
    pub fn save(&self) {
        let snapshot = self.node.snapshot();
        lock(&self.shared).earlier = Some(snapshot);
    }
}
