//! [`Held`]: what a guard and the background work of its lock share.

use std::{
    cmp::Ordering,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering as Order},
    },
};

use event_listener::EventListener;

use crate::{
    Loss, Moment, Value,
    bell::Bell,
    machine::{self, Deletes, Lease, Machine, NodeSet},
    meter::Hold,
    target::{Lasting, Target},
};

/// A lock that this process holds or held.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) name: Arc<str>,
    pub(crate) value: Value,
    /// Whether rivals may use the same value.
    pub(crate) exact: bool,
    /// The lock's fencing number.
    pub(crate) fence: Option<u64>,
    /// The token that the lock was adopted from has this value.
    pub(crate) adopted_from: Option<Value>,
    state: Mutex<State>,
    /// How many numbers were drawn, of what goes by this lock.
    numbers: AtomicU64,
    hold: Hold,
    given_back: Bell,
    /// Rung when the lock is lost by anything but time, and when whoever waits for that is to look around.
    lost: Bell,
}

/// How a guard ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing of the lock is to stand any more.
    Released,
    /// The token's value is to stand again.
    HandedBack,
    /// The value stands for whoever has the token.
    HandedOver,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    valid_until: Moment,
    /// The nodes that certainly hold the value until `held_until`.
    nodes: NodeSet,
    /// The validity that the lock was granted, or last extended to. A node that missed an extension is not among
    /// `nodes` any more: its key ends earlier, and a rival may then have set the same value there.
    held_until: Moment,
    /// The nodes that certainly do not. They need not be asked to delete it, which is worth most where a node
    /// hangs: what was never sent there needs no clean-up.
    absent: NodeSet,
    /// The nodes that were asked to set the key anew, and may have done so without a word.
    revivable: NodeSet,
    /// By the number of an extension: the nodes where it may yet delete the value once the lock was given back.
    undoing: Vec<(u64, NodeSet)>,
    /// The value that the lock was adopted from, or is being handed back to: where it stands it goes with the lock.
    former: Option<Value>,
    /// Where the former value may stand, until its wait is over.
    former_lasts: Lasting,
    /// By the number of what has failed to give the lock away: where the value itself may stand for a wait.
    lasts: Vec<(u64, Lasting)>,
    /// Where the value was found missing since the last success, and may have been set anew: that it stands there proves
    /// nothing.
    refilled: NodeSet,
    /// The number of what has succeeded last. What began earlier and is heard of later tells nothing new.
    won_by: u64,
    /// The number of what has last set missing keys anew. That an earlier one finds them afterwards proves nothing.
    filled_by: u64,
    /// How the guard has ended, if it has. Grants that arrive after that are to be undone.
    ending: Option<Ending>,
    /// What has become of the deletes by which it is given back.
    deletes: Deletes,
    /// Why this process has the lock no more, where that is not a matter of time.
    loss: Option<Loss>,
}

impl Ending {
    /// What a machine has to be told that keeps in step with the lock.
    pub(crate) fn event(self) -> Option<machine::Event> {
        match self {
            Self::Released => Some(machine::Event::Cancel),
            Self::HandedBack => Some(machine::Event::HandedBack),
            Self::HandedOver => None,
        }
    }
}

impl State {
    /// Takes in what a machine has found out; `number` is its own.
    pub(crate) fn note<M: Machine>(&mut self, machine: &M, number: u64) {
        if let Some((nodes, until)) = machine.held_until().filter(|_| self.is_proof(number)) {
            match until.cmp(&self.held_until) {
                Ordering::Greater => {
                    (self.nodes, self.held_until) = (nodes, until);
                    (self.refilled, self.won_by) = (NodeSet::EMPTY, number);
                }
                Ordering::Equal => self.nodes = self.nodes.union(nodes),
                Ordering::Less => {}
            }
        }
        if machine.held_until().is_none() && number > self.won_by && !machine.refilled().is_empty() {
            self.refilled = self.refilled.union(machine.refilled());
            self.filled_by = self.filled_by.max(number);
        }
        self.lasts.retain(|(other, _)| *other != number);
        self.lasts.extend(machine.lengthened().map(|(nodes, until)| (number, Lasting { nodes, until })));
        self.undoing.retain(|(other, _)| *other != number);
        self.undoing.extend(Some((number, machine.may_undo())).filter(|(_, nodes)| !nodes.is_empty()));
        self.absent = self.absent.union(machine.absent()).without(machine.held().union(self.revivable));
    }

    /// Whether what this one has found tells that the lock was held all the time.
    fn is_proof(&self, number: u64) -> bool {
        number >= self.filled_by
    }

    /// One that is being given back is nobody's to rely on, whatever becomes of the release.
    fn valid_until(&self) -> Moment {
        if self.ending.is_some() { Moment::default() } else { self.valid_until }
    }

    /// How the guard has ended, if it has.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// What has become of the deletes by which it is given back.
    pub(crate) fn deletes(&self) -> Deletes {
        self.deletes
    }

    /// The nodes where something that is still on its way may delete the value before a release does.
    fn may_be_undone(&self) -> NodeSet {
        self.undoing.iter().fold(NodeSet::EMPTY, |nodes, (_, more)| nodes.union(*more))
    }
}

impl Held {
    pub(crate) fn new(name: Arc<str>, lease: Lease, hold: Hold) -> Self {
        let Lease { value, exact, valid_until, held: nodes, absent, fence } = lease;
        let revivable = NodeSet::EMPTY;
        let held_until = valid_until;
        let state = State {
            valid_until,
            nodes,
            held_until,
            absent,
            revivable,
            undoing: Vec::new(),
            former: None,
            former_lasts: Lasting::NOWHERE,
            lasts: Vec::new(),
            refilled: NodeSet::EMPTY,
            won_by: 0,
            filled_by: 0,
            ending: None,
            deletes: Deletes::default(),
            loss: None,
        };
        let (state, given_back, lost) = (Mutex::new(state), Bell::default(), Bell::default());
        let numbers = AtomicU64::new(0);
        Self { name, value, exact, fence, adopted_from: None, state, numbers, hold, given_back, lost }
    }

    /// The lock was adopted from a token with this value, which rivals may use too or not, and stands until then where
    /// the adoption has not come.
    pub(crate) fn adopted(self, from: Value, exact: bool, lasts: Lasting) -> Self {
        let mut state = self.state();
        state.former = Some(from.clone()).filter(|_| !exact);
        state.former_lasts = lasts;
        drop(state);
        Self { adopted_from: Some(from), ..self }
    }

    /// A number for a machine that keeps in step with the lock.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Order::Relaxed) + 1
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock, and every state is a sound one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when nobody else can hold the lock.
    pub(crate) fn valid_until(&self) -> Moment {
        self.state().valid_until()
    }

    /// When it is over by time, whether or not it has ended before.
    pub(crate) fn over_at(&self) -> Moment {
        self.state().valid_until
    }

    /// Takes in the successful extension of this number, and says whether the lock is held by it. A validity only grows, and
    /// one that has ended does not come back.
    pub(crate) fn prolong(&self, number: u64, valid_until: Moment, now: Moment) -> bool {
        let mut state = self.state();
        let is_held = state.valid_until > now && state.is_proof(number);
        if is_held {
            state.valid_until = state.valid_until.max(valid_until);
        }
        is_held
    }

    /// The lock is known to be lost.
    pub(crate) fn lose(&self) {
        let mut state = self.state();
        state.valid_until = Moment::default();
        self.end(state, Loss::Gone);
    }

    /// The guard is gone, whatever becomes of the lock.
    pub(crate) fn part(&self) {
        self.end(self.state(), Loss::GivenBack);
    }

    /// This process has the lock no more. The first reason stays.
    fn end(&self, mut state: MutexGuard<'_, State>, loss: Loss) {
        let is_why = *state.loss.get_or_insert(loss) == loss;
        let (ending, valid_until) = (state.ending, state.valid_until);
        drop(state);
        self.lost.ring();
        if !is_why {
            return;
        }
        if loss == Loss::GivenBack {
            self.hold.end(ending, valid_until);
        } else {
            self.hold.lose(loss);
        }
    }

    /// Whoever uses the lock was told that it is lost.
    pub(crate) fn told(&self, loss: Loss) {
        self.hold.lose(loss);
    }

    /// Why this process has the lock no more, where that is not a matter of time, and until when the lock is valid.
    pub(crate) fn standing(&self) -> (Option<Loss>, Moment) {
        let state = self.state();
        (state.loss, state.valid_until())
    }

    /// Wakes whoever waits for the loss of the lock, though it is not lost.
    pub(crate) fn stir(&self) {
        self.lost.ring();
    }

    /// Notified when the lock is lost from now on, by anything but time, or [stirred](Self::stir).
    pub(crate) fn on_loss(&self) -> EventListener {
        self.lost.listen()
    }

    /// What to set anew at `nodes`, where the key was found missing. Where rivals may use the value too, that is
    /// nowhere: it is not known to stand there.
    pub(crate) fn to_fill(&self, nodes: NodeSet) -> Option<Target> {
        if self.exact || nodes.is_empty() {
            return None;
        }
        let mut state = self.state();
        state.revivable = state.revivable.union(nodes);
        state.absent = state.absent.without(nodes);
        let number = self.next_number();
        Some(Target { valid_until: Some(state.valid_until()), number, ..self.target(&state, nodes) })
    }

    /// What to extend, of so many nodes.
    pub(crate) fn to_extend(&self, all: NodeSet, revive: bool) -> Target {
        let mut state = self.state();
        // Drawn with what is known now: what is found out later is not known to it.
        let number = self.next_number();
        let target = Target { valid_until: Some(state.valid_until()), number, ..self.target(&state, all) };
        if revive {
            state.revivable = state.revivable.union(target.nodes);
            state.absent = state.absent.without(state.revivable);
        }
        target
    }

    /// Marks the lock as given back, and returns what to release. The nodes that are known to hold it stay as they are
    /// from then on.
    pub(crate) fn give_back(&self, all: NodeSet) -> Target {
        let mut state = self.state();
        let before = state.ending.replace(Ending::Released);
        let target = self.target(&state, all);
        let nodes = target.nodes.without(state.absent);
        let may_be_deleted = match before {
            // A release of such a value that failed goes on in the background, and has deleted what it could.
            Some(Ending::Released) if !self.exact => nodes,
            // Where the token's value stands by now, ours did until then.
            Some(Ending::HandedBack) => nodes,
            Some(Ending::Released | Ending::HandedOver) | None => state.may_be_undone(),
        };
        self.end(state, Loss::GivenBack);
        self.given_back.ring();
        // An earlier release has taken it along already, or goes on to where it may have stayed.
        let former = target.former.filter(|_| before != Some(Ending::Released));
        let may_be_anothers = before == Some(Ending::HandedBack);
        Target { nodes, may_be_deleted, former, may_be_anothers, ..target }
    }

    /// Takes in what has become of the deletes of one release. Whoever keeps in step has something to do where one was in
    /// vain, and when all have ended.
    pub(crate) fn note_deletes(&self, deletes: Deletes) {
        let mut state = self.state();
        let were_under_way = state.deletes.under_way;
        state.deletes = state.deletes.then(deletes);
        let Deletes { under_way, done } = state.deletes;
        drop(state);
        if under_way.is_empty() || !were_under_way.without(under_way.union(done)).is_empty() {
            self.given_back.ring();
        }
    }

    /// Marks the lock as going back to the token of this value, and returns what to rotate. From then on nobody can rely
    /// on the lock, since the token may be adopted.
    pub(crate) fn hand_back(&self, all: NodeSet, to: Value, exact: bool) -> Target {
        let mut state = self.state();
        state.ending = Some(Ending::HandedBack);
        let target = self.target(&state, all);
        state.former = Some(to).filter(|_| !exact);
        // Where rivals may use the value, it is not known to be ours any more once it may be rotated away.
        state.nodes = if self.exact { NodeSet::EMPTY } else { state.nodes };
        self.end(state, Loss::GivenBack);
        self.given_back.ring();
        target
    }

    /// The lock belongs to whoever has its token, unless it was found lost meanwhile. Says whether it does.
    pub(crate) fn hand_over(&self) -> bool {
        let mut state = self.state();
        let is_held = state.loss.is_none();
        if is_held {
            // Both at once, or whoever looks in between would find a lock that is over by time.
            (state.ending, state.loss) = (Some(Ending::HandedOver), Some(Loss::GivenBack));
        }
        is_held
    }

    /// Whether the lock can go back to a token now: whoever has it then has it to himself. An expired lock may have been
    /// followed by whoever that token is of, and a release that has failed goes on.
    pub(crate) fn can_go_back(&self, now: Moment) -> bool {
        let state = self.state();
        now < state.valid_until && state.ending != Some(Ending::Released)
    }

    /// What was to give the lock away has failed, and has left the value in place at these nodes only. A value of our own can
    /// be asked for everywhere, all the same.
    pub(crate) fn keep_only(&self, nodes: NodeSet) {
        if self.exact {
            self.state().nodes = nodes;
        }
    }

    /// A value of our own can be asked for everywhere; one that rivals may use too only where it is ours.
    fn target(&self, state: &State, all: NodeSet) -> Target {
        let (value, exact) = (self.value.clone(), self.exact);
        let nodes = if exact { state.nodes } else { all };
        let (former, refilled) = (state.former.clone(), state.refilled);
        let lasts = state.lasts.iter().fold(Lasting::NOWHERE, |all, (_, one)| all.or(*one));
        let former_lasts = state.former_lasts.without(state.nodes);
        let (fence, valid_until) = (self.fence, Some(state.valid_until));
        let (may_be_deleted, may_be_anothers) = (NodeSet::EMPTY, false);
        Target {
            value,
            exact,
            former,
            former_lasts,
            lasts,
            refilled,
            revivable: state.revivable,
            fence,
            nodes,
            may_be_deleted,
            may_be_anothers,
            valid_until,
            number: 0,
        }
    }

    /// Notified when the lock is given back from now on.
    pub(crate) fn on_give_back(&self) -> EventListener {
        self.given_back.listen()
    }
}
