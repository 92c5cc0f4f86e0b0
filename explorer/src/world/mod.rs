//! [`World`]: clients, nodes and network at one time, and what can happen next.

mod check;
mod eager;
mod form;
mod happen;
mod node;

pub(crate) use form::Renamed;

use std::time::Duration;

use redsync_core::Moment;

use node::Node;

use crate::{
    arena::{Arena, State, View},
    client::{Choice, Client, Input},
    message::{CLEANERS, Leg, Message, Number},
    search::{KeysEnd, NODES, Search, Time},
};

/// The most clients.
pub(crate) const CLIENTS: usize = 3;

/// A client in the world, with what the checks have to know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seat {
    pub(crate) state: State,
    /// The nodes where its release has deleted its own key, one bit each.
    deleted: u8,
    /// The nodes where a key may be left for its TTL, since a fate is unknown.
    excused: u8,
    /// The nodes where the token's value may be left for its wait: nobody knows what became of the delete that took it along,
    /// which is not sent again for that; or an extension has set a key anew there when the lock was on its way back to the
    /// token, and what is still under way rotates that.
    spared: u8,
    /// Whether it has handed its lock back, or tried to.
    goes_back: bool,
    /// The nodes where its clean-up waits for what somebody else makes of the token's value.
    early: u8,
    /// The nodes where its clean-up has failed otherwise, by what the request was for.
    failed: [u8; CLEANERS],
}

/// What stands at the key on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Who has set it, and in which round.
    pub(crate) client: u8,
    pub(crate) round: u8,
    pub(crate) value: Number,
    /// The tick in which it ends.
    pub(crate) ends: u8,
}

/// What is to become of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Prospect {
    /// It is to stand wherever it has stood.
    Stands,
    /// Its lock was released, so that it is to stand nowhere.
    Gone,
    /// Nothing certain, by what clients have done.
    Open,
}

/// Everything at one time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct World {
    pub(crate) tick: u8,
    pub(crate) faults: u8,
    pub(crate) nodes: [Option<Key>; NODES],
    /// Where the counters stand.
    counters: [u8; NODES],
    /// The highest fencing number that was granted.
    fence: u8,
    prospect: Prospect,
    /// The nodes where the token's value has stood, one bit each.
    stood: u8,
    pub(crate) seats: [Option<Seat>; CLIENTS],
    pub(crate) network: Vec<Message>,
}

/// What can happen next. Messages are known by their place in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Input {
        client: usize,
        input: Input,
    },
    /// A node executes a request.
    Execute(usize),
    /// A reply arrives, and perhaps the call is cancelled before its result is seen.
    Deliver {
        message: usize,
        cancelled: bool,
    },
    /// The client gives up a request that is still on its way.
    GiveUp(usize),
    /// A request is lost, and the client is told that nobody knows.
    Lose(usize),
    /// A request certainly does not arrive.
    Fail(usize),
    /// The key at this node ends.
    End(usize),
    /// A tick passes.
    Pass,
}

/// What is wrong.
pub(crate) type Breach = &'static str;

impl World {
    pub(crate) fn first(arena: &mut Arena<'_>) -> Self {
        let search = arena.search();
        let mut seats = [None; CLIENTS];
        for (seat, role) in seats.iter_mut().zip(&search.roles) {
            // Those who do the same are the same, whoever they are.
            let number = search.roles.iter().position(|other| other == role).unwrap_or_default();
            *seat = Some(Seat {
                state: arena.first(Client::new(number, role)),
                deleted: 0,
                excused: 0,
                spared: 0,
                goes_back: false,
                early: 0,
                failed: [0; CLEANERS],
            });
        }
        let stands = search.token.map_or([false; NODES], |token| token.stands);
        let counters = search.token.filter(|_| search.fenced).map_or([0; NODES], |token| token.counters);
        let mut world = Self {
            tick: 0,
            faults: search.faults.most,
            nodes: stands.map(|stands| stands.then_some(Key::of_token(u8::MAX))),
            counters,
            fence: counters.first().copied().unwrap_or_default(),
            prospect: Prospect::Stands,
            stood: (0..).zip(stands).fold(0, |bits, (node, stands)| bits | u8::from(stands) << node),
            seats,
            network: Vec::new(),
        };
        world.settle(arena);
        world
    }

    /// The time for all, where there are ticks.
    pub(crate) fn now(&self, time: Time) -> Option<Moment> {
        let now = Moment::from_origin(Duration::from_secs(100));
        matches!(time, Time::Ticks { .. }).then(|| now.plus(Search::TICK * u32::from(self.tick)))
    }

    /// The clients by their number, as they are now.
    pub(crate) fn clients(&self) -> impl Iterator<Item = (usize, &Seat)> {
        self.seats.iter().enumerate().filter_map(|(client, seat)| Some((client, seat.as_ref()?)))
    }

    /// Lists into `happenings` what can happen next, and says whether any of it has to.
    pub(crate) fn happenings(&self, arena: &Arena<'_>, happenings: &mut Vec<Happening>) -> bool {
        happenings.clear();
        let mut must = self.messages(arena, happenings);
        let time = arena.search().time;
        let now = self.now(time);
        for (client, seat) in self.clients() {
            let view = arena.view(seat.state);
            for choice in &view.choices {
                let is_early = now.is_some_and(|now| now < choice.from);
                if !is_early && !self.has_to_wait(client, choice, &view, arena) {
                    happenings.push(Happening::Input { client, input: choice.input });
                    must |= !choice.is_optional;
                }
            }
        }
        self.ends(arena.search(), happenings);
        if let Time::Ticks { last, .. } = time
            && self.tick < last
        {
            happenings.push(Happening::Pass);
            must = true;
        }
        if let Some(eager) = self.eager(happenings, arena) {
            *happenings = vec![eager];
        }
        must
    }

    /// Whether this has to wait for what is on its way.
    fn has_to_wait(&self, client: usize, choice: &Choice, view: &View, arena: &Arena<'_>) -> bool {
        let hung = arena.search().hung_node;
        let is_under_way = |at: &Message| at.is_heard_by(client) && hung != Some(at.request.node);
        let is_patient = view.is_patient || hung.is_some();
        let waits = is_patient && choice.is_timeout && self.network.iter().any(is_under_way);
        waits || choice.is_retry && self.retries_in_vain(client)
    }

    /// Whether to send again what came too early would change nothing: others have the token's value there still. It is
    /// tried when that has changed, so that there is an end to it.
    fn retries_in_vain(&self, client: usize) -> bool {
        let Some(seat) = self.seats.get(client).and_then(Option::as_ref) else { return false };
        let is_cleaning = |at: &Message| at.is_heard_by(client) && at.request.what.removes();
        let mut early = (0..).zip(&self.nodes).filter(|(node, _)| seat.early & (1 << node) != 0);
        let is_in_vain = seat.failed == [0; CLEANERS]
            && early.all(|(_, key)| key.as_ref().is_some_and(happen::is_rotated));
        seat.early != 0 && (is_in_vain || self.network.iter().any(is_cleaning))
    }

    /// Keys that may end.
    fn ends(&self, search: &Search, happenings: &mut Vec<Happening>) {
        if search.keys_end != KeysEnd::Never {
            let standing = (0..).zip(&self.nodes).filter(|(_, key)| key.is_some());
            happenings.extend(standing.map(|(node, _)| Happening::End(node)));
        }
    }

    fn node(&self, node: u8) -> Node {
        let place = usize::from(node);
        Node {
            key: self.nodes.get(place).copied().flatten(),
            counter: self.counters.get(place).copied().unwrap_or_default(),
        }
    }

    fn set_node(&mut self, node: u8, now: Node) {
        let place = usize::from(node);
        if let (Some(key), Some(counter)) = (self.nodes.get_mut(place), self.counters.get_mut(place)) {
            (*key, *counter) = (now.key, now.counter);
        }
    }

    fn messages(&self, arena: &Arena<'_>, happenings: &mut Vec<Happening>) -> bool {
        let search = arena.search();
        let mut must = false;
        for (index, message) in self.network.iter().enumerate() {
            let is_hung = search.hung_node == Some(message.request.node);
            let is_seen = index.checked_sub(1).and_then(|before| self.network.get(before)) == Some(message);
            if is_seen || (is_hung && message.is_request()) {
                continue;
            }
            must = true;
            match message.leg {
                Leg::Back(_) => self.deliveries(index, message, arena, happenings),
                Leg::ThereUnheard => happenings.push(Happening::Execute(index)),
                Leg::There => {
                    happenings.push(Happening::Execute(index));
                    if self.faults > 0 && search.faults.unknown {
                        happenings.extend([Happening::GiveUp(index), Happening::Lose(index)]);
                    }
                    if self.faults > 0 && search.faults.failed {
                        happenings.push(Happening::Fail(index));
                    }
                }
            }
        }
        must
    }

    fn deliveries(
        &self,
        index: usize,
        message: &Message,
        arena: &Arena<'_>,
        happenings: &mut Vec<Happening>,
    ) {
        happenings.push(Happening::Deliver { message: index, cancelled: false });
        let process = usize::from(message.request.process);
        let view = self.view(usize::from(message.client), arena);
        if view.is_some_and(|view| view.can_be_cancelled == Some(process)) {
            happenings.push(Happening::Deliver { message: index, cancelled: true });
        }
    }

    fn view(&self, client: usize, arena: &Arena<'_>) -> Option<std::rc::Rc<View>> {
        let seat = self.seats.get(client)?.as_ref()?;
        Some(arena.view(seat.state))
    }
}
