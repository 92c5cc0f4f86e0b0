//! [`Stage`]: one world with its servers, processes and history.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use redsync_core::{Delivery, Node, Redsync, Runtime, wire::Native};

use super::{
    BYSTANDER, THEIRS,
    actors::Caller,
    clock::Clock,
    event::{Event, What, Who},
    history::History,
    invariants::View,
    network::{Path, Weather},
    plan::{Plan, Settings},
    process::Process,
    queue::{Message, Queue},
    server::Server,
};
use crate::virtual_time::{VirtualRuntime, lock};

/// The compare-and-delete that some servers have as a command, each its own.
const NATIVES: [Native; 2] = [Native::DelIfEq, Native::DelEx];

/// What everybody in one world shares. Clones are the same world.
#[derive(Clone)]
pub(super) struct Stage(Arc<Inner>);

pub(super) struct Inner {
    pub(super) world: VirtualRuntime,
    pub(super) plan: Plan,
    pub(super) servers: Vec<Server>,
    settings: Settings,
    history: Mutex<History>,
    /// One for each process that runs; a killed one is replaced.
    desks: Mutex<Vec<Desk>>,
    pub(super) queue: Queue,
    processes_so_far: AtomicU32,
    locks_so_far: AtomicU32,
    tokens_so_far: AtomicU32,
    consumers_so_far: AtomicU32,
}

/// A process with its client and its ways to the servers.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) number: u32,
    pub(super) process: Process,
    pub(super) client: Redsync,
    pub(super) paths: Vec<Path>,
}

impl std::ops::Deref for Stage {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Stage {
    pub(super) fn new(seed: u64, settings: &Settings) -> Self {
        let world = VirtualRuntime::shuffled(seed);
        let plan = Plan::new(seed, settings);
        let server = |index| {
            // Servers do not agree on the time; only durations go over the wire, but for what fencing numbers begin with.
            let origin = Duration::from_secs(5_000 + 7_919 * u64::try_from(index).unwrap_or_default());
            let server = Server::new(index, clock(&world, &plan, origin));
            server.node().set_native(NATIVES.get(usize::try_from(world.random() % 3).unwrap_or(0)).copied());
            server.node().hide_native(world.random().is_multiple_of(4));
            server
        };
        let servers: Vec<_> = (0..plan.servers).map(server).collect();
        let stage = Self(Arc::new(Inner {
            world: world.clone(),
            plan,
            servers,
            settings: settings.clone(),
            history: Mutex::new(History::new()),
            desks: Mutex::default(),
            queue: Queue::default(),
            processes_so_far: AtomicU32::new(0),
            locks_so_far: AtomicU32::new(0),
            tokens_so_far: AtomicU32::new(0),
            consumers_so_far: AtomicU32::new(0),
        }));
        stage.servers.iter().for_each(set_bystander);
        stage
    }

    /// Starts a process at this desk, or at a new one, with its callers at work. Returns their tasks' ends.
    pub(super) fn start_process(&self, desk: usize, rounds: u32) {
        let number = self.processes_so_far.fetch_add(1, Ordering::Relaxed);
        let origin = Duration::from_secs(100 + self.world.random() % 100_000);
        let process = Process::new(clock(&self.world, &self.plan, origin));
        let delivery = if self.plan.repeats { Delivery::MayRepeat } else { Delivery::AtMostOnce };
        let path = |server: &Server| Path::new(&self.world, server.node()).delivering(delivery);
        let paths: Vec<_> = self.servers.iter().map(path).collect();
        paths.iter().for_each(|path| path.set_weather(self.calm()));
        let nodes = paths.iter().map(|path| self.layered(path.clone()));
        let builder = Redsync::builder(process.shared()).nodes(nodes);
        let is_majority = self.plan.quorum == self.plan.servers / 2 + 1;
        let builder = if is_majority { builder } else { builder.quorum(self.plan.quorum) };
        // The plan has servers, and a quorum of them, which is all that is asked for.
        let Ok(client) = builder.build() else { return };
        let new = Desk { number, process, client, paths };
        let mut desks = lock(&self.desks);
        match desks.get_mut(desk) {
            Some(old) => *old = new.clone(),
            None => desks.push(new.clone()),
        }
        drop(desks);
        for task in 0..self.plan.tasks {
            let caller = Caller::new(self.clone(), new.clone(), task);
            new.process.spawn(Box::pin(caller.live(rounds)));
        }
    }

    fn layered(&self, path: Path) -> Arc<dyn Node> {
        match &self.settings.through {
            Some(layer) => layer(path),
            None => Arc::new(path),
        }
    }

    /// What a path does to messages when nothing is wrong.
    pub(super) fn calm(&self) -> Weather {
        Weather { delay: self.plan.calm, ..Weather::default() }
    }

    /// The processes that run, stalled or not.
    pub(super) fn desks(&self) -> Vec<Desk> {
        lock(&self.desks).clone()
    }

    pub(super) fn record(&self, who: Who, what: What) {
        let at = self.world.now();
        let (servers, plan) = (&self.servers, &self.plan);
        let longest_ttl = plan.longest_ttl();
        let view =
            View { servers, quorum: plan.quorum, repeats: plan.repeats, longest_ttl, has_bystander: true };
        lock(&self.history).record(Event { at, who, what }, &view);
    }

    pub(super) fn is_violated(&self) -> bool {
        lock(&self.history).is_violated()
    }

    pub(super) fn next_lock(&self) -> u32 {
        self.locks_so_far.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn next_token(&self) -> u32 {
        self.tokens_so_far.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts a message into the queue, which delivers it to some process soon, to several, or when somebody asks for it.
    pub(super) fn publish(&self, message: Message) {
        self.queue.push(message);
        for _ in 0..self.pick(4) {
            self.start_consumer();
        }
    }

    fn start_consumer(&self) {
        let desks = self.desks();
        let Some(desk) = desks.get(self.index(desks.len())) else { return };
        let task = self.plan.tasks + self.consumers_so_far.fetch_add(1, Ordering::Relaxed);
        // Several come at the same moment, at about the same time, or long after each other.
        let longest = [0, 3, 1000].get(self.index(3)).copied().unwrap_or_default();
        let after = self.up_to(Duration::from_millis(longest));
        let caller = Caller::new(self.clone(), desk.clone(), task);
        desk.process.spawn(Box::pin(caller.consume(after)));
    }

    /// A random number below `limit`.
    pub(super) fn pick(&self, limit: u64) -> u64 {
        self.world.random().checked_rem(limit).unwrap_or(0)
    }

    /// One of so many things.
    pub(super) fn index(&self, count: usize) -> usize {
        usize::try_from(self.pick(u64::try_from(count).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// Whether something happens that does so once in `often` times.
    pub(super) fn once_in(&self, often: u64) -> bool {
        self.pick(often) == 0
    }

    /// Up to so long.
    pub(super) fn up_to(&self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.pick(nanos.max(1)))
    }

    /// Waits by the world's clock.
    pub(super) fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send + use<> {
        self.world.sleep_until(self.world.now().plus(duration))
    }

    /// Brings a server that has lost its data back, with what is not ours to lose.
    pub(super) fn readmit(&self, server: &Server) {
        set_bystander(server);
        server.start();
    }

    /// Takes the history out of a world that has come to its end.
    pub(super) fn close(&self) -> History {
        self.world.drop_tasks();
        std::mem::replace(&mut lock(&self.history), History::new())
    }
}

/// A clock that shows `origin` now, and is as wrong as clocks may be.
fn clock(world: &VirtualRuntime, plan: &Plan, origin: Duration) -> Clock {
    let rate = i32::try_from(up_to_either_side(world, plan.clock_error)).unwrap_or(0);
    Clock::new(world, origin, rate).with_wall_ahead(up_to_either_side(world, plan.wall_error))
}

/// A random number from `-most` to `most`.
fn up_to_either_side(world: &VirtualRuntime, most: u64) -> i64 {
    let number = i64::try_from(world.random() % (2 * most + 1)).unwrap_or(0);
    number - i64::try_from(most).unwrap_or(0)
}

fn set_bystander(server: &Server) {
    server.node().set(BYSTANDER, THEIRS, None);
}
