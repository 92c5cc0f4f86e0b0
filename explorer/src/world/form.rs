//! One form for all worlds that differ in nothing that matters: the order of messages, which of two like clients is
//! which, and which node is which.

use super::{CLIENTS, World};
use crate::{
    arena::{Arena, ORDERS},
    search::NODES,
};

/// What has become of the names of clients and nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Renamed {
    /// The client's place before, by its place now.
    pub(crate) clients: [usize; CLIENTS],
    /// The node's place before, by its place now.
    pub(crate) nodes: [usize; NODES],
}

impl World {
    /// Brings the world into its form.
    pub(crate) fn settle(&mut self, arena: &mut Arena<'_>) -> Renamed {
        for seat in self.seats.iter_mut().flatten() {
            if !arena.view(seat.state).is_releasing {
                seat.deleted = 0;
            }
        }
        let clients = self.sort();
        let mut renamed = Renamed { clients, nodes: std::array::from_fn(|node| node) };
        if arena.search().hung_node.is_some() {
            return renamed;
        }
        let given = self.clone();
        for (order, places) in ORDERS.iter().enumerate().skip(1) {
            let mut other = given.permuted(order, places, arena);
            let again = other.sort();
            if other < *self {
                let before = |place: usize| clients.get(place).copied().unwrap_or(place);
                renamed.clients = again.map(before);
                renamed.nodes = inverse(places);
                *self = other;
            }
        }
        renamed
    }

    fn permuted(&self, order: usize, places: &[u8; NODES], arena: &mut Arena<'_>) -> Self {
        let mut world = self.clone();
        for (place, from) in inverse(places).into_iter().enumerate() {
            let place = u8::try_from(place).unwrap_or(u8::MAX);
            world.set_node(place, self.node(u8::try_from(from).unwrap_or(u8::MAX)));
        }
        world.stood = permuted_bits(self.stood, places);
        for seat in world.seats.iter_mut().flatten() {
            seat.state = arena.permute(seat.state, order);
            seat.deleted = permuted_bits(seat.deleted, places);
            seat.excused = permuted_bits(seat.excused, places);
            seat.spared = permuted_bits(seat.spared, places);
            seat.early = permuted_bits(seat.early, places);
            seat.failed = seat.failed.map(|bits| permuted_bits(bits, places));
        }
        world.network.iter_mut().for_each(|message| message.request = message.request.permute(places));
        world
    }

    /// Sorts clients and messages. Returns the clients' places before, by those now.
    fn sort(&mut self) -> [usize; CLIENTS] {
        let mut order: [usize; CLIENTS] = std::array::from_fn(|client| client);
        let seats = self.seats;
        let seat = |client: usize| seats.get(client).copied().flatten();
        // Clients that there are come first.
        order.sort_by_key(|client| seat(*client).map_or((true, None), |seat| (false, Some(seat))));
        let mut places = [0_u8; CLIENTS];
        for (place, (to, client)) in (0..).zip(self.seats.iter_mut().zip(order)) {
            *to = seat(client);
            if let Some(now) = places.get_mut(client) {
                *now = place;
            }
        }
        let place = |client: u8| places.get(usize::from(client)).copied().unwrap_or(client);
        self.network.iter_mut().for_each(|message| message.client = place(message.client));
        self.nodes.iter_mut().flatten().for_each(|key| key.client = place(key.client));
        self.network.sort_unstable();
        order
    }
}

fn inverse(places: &[u8; NODES]) -> [usize; NODES] {
    std::array::from_fn(|place| places.iter().position(|to| usize::from(*to) == place).unwrap_or(place))
}

fn permuted_bits(bits: u8, places: &[u8; NODES]) -> u8 {
    let places = places.iter().enumerate();
    places.filter(|(node, _)| bits & (1 << node) != 0).fold(0, |all, (_, place)| all | 1 << place)
}
