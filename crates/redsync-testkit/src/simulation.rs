//! Deterministic simulation: many processes, servers and a network on one virtual clock, where everything goes
//! wrong that can, and a seed decides what.
//!
//! [`simulate`] plays one world from its seed: three processes with two callers each take, hold, extend and give
//! back locks in all the ways that redsync has, on one to five servers. Servers crash with and without their data,
//! stand still and turn requests away; messages are slow, overtake each other and are lost; processes stall and are
//! killed; clocks run fast and slow; callers drop their calls and overstay. It is redsync itself that runs, and not a
//! model of it. The invariants see every event; the first that does not hold ends the world and is returned with the
//! whole log.
//!
//! ```
//! use redsync_testkit::simulation::{Settings, simulate};
//!
//! let run = simulate(7, &Settings::default());
//! assert!(run.violation.is_none());
//! assert!(run.counts.locks > 0);
//! ```
//!
//! # For code of your own
//!
//! [`Settings::through`] puts a [`Node`](redsync_core::Node) of your own between locks and network: a layer that
//! counts, repeats or routes. [`Process`], [`Path`] and [`Server`] make worlds of your own: a process is a
//! [`Runtime`](redsync_core::Runtime), a path is a [`Node`](redsync_core::Node), and both do what they are told. A
//! [`Judge`] is told what happens there, and looks at it by the invariants of this simulation.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use redsync_core::{Node, Redsync, Runtime};
//! use redsync_testkit::{
//!     simulation::{Clock, Comeback, Event, Granted, Judge, Path, Process, Server, What, Who},
//!     virtual_time::VirtualRuntime,
//! };
//!
//! // Code that is to be tested: it takes a lock, and believes that nobody else has it.
//! async fn work(redsync: &Redsync) -> redsync_core::Guard {
//!     redsync.mutex("invoice:42").lock().await.expect("nobody else has it")
//! }
//!
//! let world = VirtualRuntime::new(7);
//! let servers: Vec<_> = (0..3).map(|index| Server::new(index, Clock::new(&world, Duration::from_secs(5), 0))).collect();
//! let client = || {
//!     let process = Process::new(Clock::new(&world, Duration::from_secs(100), 0));
//!     let way = |server: &Server| Arc::new(Path::new(&world, server.node())) as Arc<dyn Node>;
//!     let builder = Redsync::builder(process.shared()).nodes(servers.iter().map(way));
//!     builder.build().expect("three nodes")
//! };
//! let mut judge = Judge::new(servers.clone(), 2);
//! let mut record = |task, what| {
//!     judge.record(Event { at: world.now(), who: Who::Caller { process: task, task }, what });
//! };
//!
//! let first = world.block_on(work(&client()));
//! record(0, What::Granted(Granted::new(0, &first)));
//! // Two servers come back empty while the lock is held, which is one more than it can bear.
//! for server in servers.iter().take(2) {
//!     server.crash(Comeback::Empty);
//!     server.start();
//! }
//! let second = world.block_on(work(&client()));
//! record(1, What::Granted(Granted::new(1, &second)));
//!
//! let violation = judge.verdict().expect("two hold the same lock");
//! assert_eq!(violation.invariant, "exclusion");
//! assert_eq!(violation.log.len(), 2);
//! ```
//!
//! # What is assumed
//!
//! What the promises assume: clocks differ by less than the drift factor, those that timers go by are never stepped, a
//! server that has lost data stays away for longer than the longest TTL, and where rivals fix the same value, messages
//! are quicker than the node time-out. [`Broken`] takes one assumption away, to see what it is good for.
//!
//! # What is not in it
//!
//! Servers are in memory and know redsync's scripts by what they do: that Lua does the same is for tests on real
//! servers to show. All tasks run on one thread: what happens only between threads is for them as well.

mod actors;
mod acts;
mod clock;
mod counts;
mod day;
mod event;
mod history;
mod invariants;
mod judge;
mod network;
mod plan;
mod process;
mod queue;
mod server;
mod stage;
mod storm;
mod troubles;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::{
    clock::Clock,
    counts::Counts,
    event::{Event, Fault, Granted, HandedOver, Op, Outcome, Place, Returned, What, Who},
    history::Violation,
    judge::Judge,
    network::{Path, Weather},
    plan::{Broken, Layer, Settings},
    process::Process,
    server::{Comeback, Server},
};

/// A lock that somebody else holds for good, on every server.
const BYSTANDER: &str = "bystander";
/// Its value.
const THEIRS: &str = "theirs";

/// What became of one world.
#[derive(Clone, Debug)]
pub struct Run {
    /// How much of what happened.
    pub counts: Counts,
    /// The first promise that was not kept.
    pub violation: Option<Violation>,
}

/// Plays the world of `seed`. The same seed and settings give the same run.
pub fn simulate(seed: u64, settings: &Settings) -> Run {
    let stage = stage::Stage::new(seed, settings);
    // A panic is no way to keep a promise, and its seed is worth as much as any other.
    let played = catch_unwind(AssertUnwindSafe(|| acts::play(&stage)));
    let mut history = stage.close();
    if let Err(panic) = played {
        history.panicked(&*panic);
    }
    let (counts, violation) = history.into_parts();
    Run { counts, violation }
}
