//! [`Arena`]: the clients' states, each kept once, and what came of each input to them.
//!
//! Most of what happens to one client leaves the others as they are, so a client meets the same few inputs in
//! the same state over and over. The machines run once for each; from then on it is looked up.

use std::{
    collections::HashMap,
    rc::Rc,
    sync::{Arc, atomic::AtomicU8},
};

use redsync_core::{Moment, Released, machine::WaitReason};

use crate::{
    client::{Choice, Client, Fenced, Input, Setting, Stage, Turn},
    fingerprint,
    message::Request,
    search::{NODES, Search},
};

/// The orders that three nodes can have; each tells a node's new place.
pub(crate) const ORDERS: [[u8; NODES]; 6] =
    [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// A client's state by its number.
pub(crate) type State = u32;

/// What came of an input.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) to: State,
    pub(crate) sent: Vec<Request>,
    pub(crate) ended: Vec<u8>,
    pub(crate) released: Option<Released>,
    pub(crate) not_locked: bool,
    pub(crate) fence: Option<u8>,
    pub(crate) turn: Option<Turn>,
    pub(crate) breach: Option<&'static str>,
}

/// What is looked up often about a client's state.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) guard: Option<(u8, Moment)>,
    pub(crate) fenced: Option<Fenced>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) is_over: bool,
    /// The machine whose result it waits for, where a cancellation could overtake it.
    pub(crate) can_be_cancelled: Option<usize>,
    pub(crate) is_releasing: bool,
    pub(crate) is_handing_back: bool,
    pub(crate) is_exact: bool,
    pub(crate) is_patient: bool,
    /// The machine that takes the lock, and what it waits for.
    pub(crate) locking: Option<(usize, WaitReason)>,
    /// The round that is not over, or that has won.
    pub(crate) live_round: Option<u8>,
    /// Whether it has begun its last round.
    pub(crate) starts_no_round: bool,
}

/// A state before, and what happened there, in which tick, and when.
type Origin = (State, u8, Input, Option<Moment>);

/// The clients' states of one search.
pub(crate) struct Arena<'a> {
    setting: Setting<'a>,
    clients: Vec<Client>,
    views: Vec<Rc<View>>,
    numbers: HashMap<u128, State>,
    steps: HashMap<(State, u8, Input), Rc<Step>>,
    /// How each state was first come to.
    origins: Vec<Option<Origin>>,
    /// Each state with its nodes in another order, once that was asked for.
    permuted: Vec<[State; ORDERS.len()]>,
    text: String,
}

impl<'a> Arena<'a> {
    pub(crate) fn new(search: &'a Search) -> Self {
        let setting = Setting { search, doubts: Arc::new(AtomicU8::new(0)) };
        let (clients, views, numbers, steps, text) = Default::default();
        Self { setting, clients, views, numbers, steps, origins: Vec::new(), permuted: Vec::new(), text }
    }

    pub(crate) fn search(&self) -> &'a Search {
        self.setting.search
    }

    /// How many states of clients there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// The state of a client that has not begun.
    pub(crate) fn first(&mut self, client: Client) -> State {
        self.add(client, None)
    }

    fn add(&mut self, client: Client, origin: Option<Origin>) -> State {
        let search = self.setting.search;
        let fingerprint = fingerprint::of_client(&client, search.time, &mut self.text);
        if let Some(state) = self.numbers.get(&fingerprint) {
            return *state;
        }
        let state = u32::try_from(self.clients.len()).unwrap_or(State::MAX);
        self.views.push(Rc::new(View {
            guard: client.guard(),
            fenced: client.fenced(),
            choices: client.choices(search),
            is_over: client.is_over(search),
            can_be_cancelled: client.awaited().filter(|_| client.cancels > 0),
            is_releasing: matches!(client.stage, Stage::Releasing(_)),
            is_handing_back: matches!(client.stage, Stage::HandingBack(_)),
            is_exact: search.roles.get(client.role).is_some_and(|role| role.exact),
            is_patient: search.roles.get(client.role).is_some_and(|role| role.patient),
            locking: client.locking(),
            live_round: client.live_round(search),
            starts_no_round: client.calls == 0 && client.locking().is_none(),
        }));
        self.clients.push(client);
        self.origins.push(origin);
        self.permuted.push([State::MAX; ORDERS.len()]);
        self.numbers.insert(fingerprint, state);
        state
    }

    #[expect(clippy::indexing_slicing, reason = "states are handed out by `add` only")]
    pub(crate) fn view(&self, state: State) -> Rc<View> {
        Rc::clone(&self.views[state as usize])
    }

    /// The same state with the nodes in another order, by the number of that order. No machine prefers a node, so
    /// that it is what the same events lead to when they come from the other nodes.
    #[expect(
        clippy::indexing_slicing,
        reason = "states are handed out by `add` only, and orders by `ORDERS`"
    )]
    pub(crate) fn permute(&mut self, state: State, order: usize) -> State {
        let known = self.permuted[state as usize][order];
        if known != State::MAX {
            return known;
        }
        let permuted = match self.origins[state as usize] {
            None => state,
            Some((from, tick, input, now)) => {
                let from = self.permute(from, order);
                self.step(from, tick, input.permute(&ORDERS[order]), now).to
            }
        };
        self.permuted[state as usize][order] = permuted;
        permuted
    }

    /// What comes of `input` in this state; `now` is the time for all, with its tick, if there is one.
    #[expect(clippy::indexing_slicing, reason = "states are handed out by `add` only")]
    pub(crate) fn step(&mut self, state: State, tick: u8, input: Input, now: Option<Moment>) -> Rc<Step> {
        if let Some(step) = self.steps.get(&(state, tick, input)) {
            return Rc::clone(step);
        }
        let mut client = self.clients[state as usize].clone();
        let effects = client.take(input, now, &self.setting);
        let step = Rc::new(Step {
            to: self.add(client, Some((state, tick, input, now))),
            sent: effects.sent,
            ended: effects.ended,
            released: effects.released,
            not_locked: effects.not_locked,
            fence: effects.fence,
            turn: effects.turn,
            breach: effects.breach,
        });
        self.steps.insert((state, tick, input), Rc::clone(&step));
        step
    }
}
