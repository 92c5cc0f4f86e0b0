//! [`Following`]: keeps a machine in step with a lock that this process holds; [`Telling`]: how it is given back.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use event_listener::EventListener;

use crate::{
    Moment,
    held::{Ending, Held},
    machine::{Deletes, Event, Machine, NodeSet},
};

/// The held lock that a settling machine keeps in step with.
pub(super) struct Following {
    pub(super) held: Arc<Held>,
    pub(super) number: u64,
    given_back: Option<EventListener>,
    /// The ending, and what became of the deletes, that the machine knows of.
    told: (Option<Ending>, Deletes),
}

/// The held lock that a release gives back.
pub(super) struct Telling {
    held: Arc<Held>,
    /// Where the value may be set more than once.
    unproven: NodeSet,
    told: Deletes,
}

impl Following {
    pub(super) fn new(held: Arc<Held>, number: u64) -> Self {
        Self { held, number, given_back: None, told: (None, Deletes::default()) }
    }

    /// Under the lock's state, so that a grant is either known when the lock is given back, or known to be late.
    pub(super) fn tell<M: Machine>(&mut self, machine: &mut M, event: Option<Event>, now: Moment) {
        let mut state = self.held.state();
        let (ending, deletes) = (state.ending(), state.deletes());
        let (told_ending, told_deletes) = mem::replace(&mut self.told, (ending, deletes));
        if told_ending != ending {
            ending.and_then(Ending::event).into_iter().for_each(|news| machine.handle(news, now));
        }
        if told_deletes != deletes {
            machine.handle(Event::Deletes(deletes), now);
        }
        event.into_iter().for_each(|event| machine.handle(event, now));
        if ending.is_none() {
            state.note(machine, self.number);
        }
    }

    /// Ready when the lock has ended in a way that the machine does not know of. One that could not be handed back may still
    /// be released.
    pub(super) fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(given_back) = &mut self.given_back
                && Pin::new(given_back).poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            // Listens before it looks, so that nothing is missed in between.
            self.given_back = Some(self.held.on_give_back());
            let state = self.held.state();
            if self.told != (state.ending(), state.deletes()) {
                return Poll::Ready(());
            }
        }
    }

    pub(super) fn report<M: Machine>(&self, machine: &M) {
        let mut state = self.held.state();
        if state.ending().is_none() {
            state.note(machine, self.number);
        }
    }
}

impl Telling {
    pub(super) fn new(held: Arc<Held>, unproven: NodeSet) -> Self {
        Self { held, unproven, told: Deletes::default() }
    }

    /// Passes on what there is of news.
    pub(super) fn tell<M: Machine>(&mut self, machine: &M) {
        let deletes = machine.deletes().unproven_at(self.unproven);
        if mem::replace(&mut self.told, deletes) != deletes {
            self.held.note_deletes(deletes);
        }
    }
}
