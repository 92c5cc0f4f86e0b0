//! One server and the network before it: which requests are where, and what happens to them next.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use redsync_core::{NodeError, Request, Runtime};
use redsync_runtime::Tracked;

use super::{
    execute::{Executed, Time, execute},
    faults::{Faults, Loss},
    keyspace::{Keyspace, Millis},
    slot::{Outcome, Slot},
};
use crate::virtual_time::lock;

/// A [`State`] that several handles and tasks share.
pub(super) struct Server {
    runtime: Arc<dyn Runtime>,
    /// The keys that somebody waits for.
    pub(super) tracked: Arc<Tracked>,
    state: Mutex<State>,
}

/// All there is to know about a server. It only says what is to happen outside of it; [`Server`] does it.
pub(super) struct State {
    runtime: Arc<dyn Runtime>,
    pub(super) keyspace: Keyspace,
    pub(super) faults: Faults,
    pub(super) calls: BTreeMap<String, usize>,
    stopped: bool,
    paused: bool,
    /// In the order in which they were handed over.
    in_flight: BTreeMap<u64, InFlight>,
    /// What has arrived at a paused server, in that order.
    waiting: VecDeque<u64>,
    handed_over: u64,
    effects: Vec<Effect>,
}

/// A request whose caller has not been answered.
struct InFlight {
    request: Request,
    slot: Slot,
    outcome: Option<Outcome>,
}

enum Effect {
    Resolve(Slot, Outcome),
    After(Duration, Step),
    /// Tells those that wait for the key.
    Push(Vec<u8>),
    Disconnect,
}

/// What the network does some time later.
enum Step {
    Arrive(u64),
    Deliver(u64),
    Push(Vec<u8>),
}

impl Server {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::new(Arc::clone(&runtime))),
            tracked: Arc::default(),
            runtime,
        })
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// Changes or reads the state, then carries out what follows from it.
    pub(super) fn with<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let output = change(&mut state);
        state.push_changes();
        let effects = mem::take(&mut state.effects);
        drop(state);
        effects.into_iter().for_each(|effect| self.carry_out(effect));
        output
    }

    fn carry_out(self: &Arc<Self>, effect: Effect) {
        match effect {
            Effect::Push(key) => self.tracked.changed(&key),
            Effect::Disconnect => self.tracked.lost(),
            Effect::Resolve(slot, outcome) => slot.resolve(outcome),
            Effect::After(delay, step) => {
                let server = Arc::clone(self);
                let timer = self.runtime.sleep_until(self.runtime.now().plus(delay));
                self.runtime.spawn(Box::pin(async move {
                    timer.await;
                    server.with(|state| state.step(step));
                }));
            }
        }
    }
}

impl State {
    fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            runtime,
            keyspace: Keyspace::default(),
            faults: Faults::default(),
            calls: BTreeMap::new(),
            stopped: false,
            paused: false,
            in_flight: BTreeMap::new(),
            waiting: VecDeque::new(),
            handed_over: 0,
            effects: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> Millis {
        Millis::try_from(self.runtime.now().since_origin().as_millis()).unwrap_or(Millis::MAX)
    }

    /// What the server takes for the time, in microseconds since 1970.
    fn wall(&self) -> u64 {
        let since_1970 = self.runtime.wall_clock().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes a request from its caller, who waits at the slot.
    pub(super) fn hand_over(&mut self, request: Request) -> Slot {
        match self.calls.get_mut(request.name()) {
            Some(calls) => *calls += 1,
            None => drop(self.calls.insert(request.name().to_owned(), 1)),
        }
        let slot = Slot::default();
        if self.stopped {
            self.effects.push(Effect::Resolve(slot.clone(), Err(NodeError::not_sent("connection refused"))));
            return slot;
        }
        self.handed_over += 1;
        let id = self.handed_over;
        self.in_flight.insert(id, InFlight { request, slot: slot.clone(), outcome: None });
        self.travel(id, self.faults.request_loss, self.faults.request_delay, Step::Arrive(id));
        slot
    }

    pub(super) fn execute(&mut self, args: &[&[u8]]) -> Executed {
        let time = self.time();
        execute(&mut self.keyspace, args, time)
    }

    fn time(&self) -> Time {
        Time { now: self.now(), wall: self.wall() }
    }

    /// Executes a request that is in flight, be it for the first time or not.
    pub(super) fn execute_in_flight(&mut self, id: u64) {
        let time = self.time();
        let Some(InFlight { request, outcome, .. }) = self.in_flight.get_mut(&id) else { return };
        let executed = match self.faults.refusal(request.name()) {
            Some(refusal) => Err(refusal.clone()),
            None => execute(&mut self.keyspace, &request.args().collect::<Vec<_>>(), time),
        };
        *outcome = Some(executed.map_err(NodeError::from));
    }

    /// Answers the caller, after executing its request if nobody has.
    pub(super) fn deliver(&mut self, id: u64) {
        self.execute_once(id);
        if let Some(InFlight { slot, outcome: Some(outcome), .. }) = self.in_flight.remove(&id) {
            self.effects.push(Effect::Resolve(slot, outcome));
        }
    }

    /// Breaks the connection over which the request went.
    pub(super) fn break_off(&mut self, id: u64) {
        if let Some(InFlight { slot, .. }) = self.in_flight.remove(&id) {
            self.effects.push(Effect::Resolve(slot, Err(NodeError::unknown("connection reset"))));
        }
    }

    /// Sends what the server tells of keys that have changed on its way.
    fn push_changes(&mut self) {
        let delay = self.faults.reply_delay;
        for key in self.keyspace.take_changed() {
            self.effects.push(match delay.is_zero() {
                true => Effect::Push(key),
                false => Effect::After(delay, Step::Push(key)),
            });
        }
    }

    pub(super) fn break_off_all(&mut self) {
        self.effects.push(Effect::Disconnect);
        self.waiting.clear();
        for id in self.in_flight.keys().copied().collect::<Vec<_>>() {
            self.break_off(id);
        }
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.break_off_all();
    }

    pub(super) fn start(&mut self) {
        self.stopped = false;
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    pub(super) fn resume(&mut self) {
        self.paused = false;
        for id in mem::take(&mut self.waiting) {
            self.serve(id);
        }
    }

    /// The requests that wait at a paused server, in the order of arrival.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u64, &Request)> {
        self.waiting.iter().filter_map(|id| Some((*id, &self.in_flight.get(id)?.request)))
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Arrive(id) if self.paused => self.waiting.push_back(id),
            Step::Arrive(id) => self.serve(id),
            Step::Deliver(id) => self.deliver(id),
            Step::Push(key) => self.effects.push(Effect::Push(key)),
        }
    }

    /// Executes the request, unless that was done while it was held, and sends the reply on its way.
    fn serve(&mut self, id: u64) {
        self.execute_once(id);
        if self.faults.repeat {
            self.execute_in_flight(id);
        }
        self.travel(id, self.faults.reply_loss, self.faults.reply_delay, Step::Deliver(id));
    }

    fn execute_once(&mut self, id: u64) {
        if self.in_flight.get(&id).is_some_and(|in_flight| in_flight.outcome.is_none()) {
            self.execute_in_flight(id);
        }
    }

    /// Sends a message over the network, where `step` is its arrival.
    fn travel(&mut self, id: u64, loss: Loss, delay: Duration, step: Step) {
        let delay = self.faults.jittered(delay, || self.runtime.random());
        match loss {
            Loss::Never if delay.is_zero() => self.step(step),
            Loss::Never => self.effects.push(Effect::After(delay, step)),
            Loss::Broken => self.break_off(id),
            Loss::Silent => {}
        }
    }
}
