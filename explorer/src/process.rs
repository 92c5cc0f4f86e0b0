//! [`Process`]: one machine of a client, with the names of its requests.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use redsync_core::{
    Moment, Released, Value,
    machine::{
        Acquire, Action, Deletes, Event, Extend, ExtendCause, Lease, Machine, NodeSet, Release, RequestId,
        Source, Transfer, ValueError, WaitReason,
    },
    wire::Command,
};

use crate::{
    held::Ending,
    message::{Number, Request, What},
    naming,
    plans::EXACT,
    search::{NODES, Search},
};

/// The nodes where the client's fixed value is in doubt, for its machines to look at.
pub(crate) type Board = Arc<AtomicU8>;

/// Counts the values of a client.
#[derive(Clone)]
pub(crate) struct Numbers {
    pub(crate) last: Number,
    pub(crate) doubts: Board,
}

impl Source for Numbers {
    fn value(&mut self) -> Result<Value, ValueError> {
        self.last = self.last.saturating_add(1);
        Ok(Value::new(self.last.to_string()))
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn in_doubt(&self, _: &Value) -> NodeSet {
        let bits = self.doubts.load(Ordering::Relaxed);
        (0..NODES).filter(|node| bits & (1 << node) != 0).collect()
    }
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Numbers").field(&self.last).finish()
    }
}

/// Counts the values that a client rotates the token's to.
#[derive(Clone, Debug)]
pub(crate) struct Nonces(pub(crate) u8);

impl Source for Nonces {
    fn value(&mut self) -> Result<Value, ValueError> {
        Err(Arc::from(Box::from("a rotated value is a successor")))
    }

    fn random(&mut self) -> u64 {
        self.0 = self.0.saturating_add(1);
        u64::from(self.0)
    }
}

/// One of the real machines.
#[derive(Clone, Debug)]
pub(crate) enum Running {
    Acquire(Acquire<Numbers>),
    Adopt(Transfer<Nonces>),
    Extend(Extend<Numbers>),
    Release(Release<Numbers>),
    HandBack(Transfer<Nonces>),
}

/// What a machine returned.
#[derive(Debug)]
pub(crate) enum Finished {
    Locked(Lease),
    NotLocked,
    Extended(Moment),
    NotExtended(ExtendCause),
    Released(Released),
    NotReleased(NodeSet),
    HandedBack,
    NotHandedBack(NodeSet),
}

/// A machine that is not idle yet.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) running: Running,
    /// How it keeps in step with the lock that its client holds, where it does.
    pub(crate) follows: Option<Follows>,
    /// Of a release, what it gives back.
    pub(crate) gives_back: Option<GivesBack>,
    /// The end of that lock that it knows of.
    pub(crate) told: Option<Ending>,
    /// What it waits for.
    pub(crate) wait: Option<(Moment, WaitReason)>,
    pub(crate) names: Vec<Name>,
}

/// How a machine keeps in step with a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Follows {
    /// The round that took the lock.
    pub(crate) round: u8,
    /// Its number among those that do so.
    pub(crate) number: u8,
    /// What it knows of the release's deletes.
    pub(crate) deletes: Deletes,
}

/// The lock that a release gives back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivesBack {
    /// The round that took it.
    pub(crate) round: u8,
    /// Where its value may have been set anew.
    pub(crate) revivable: NodeSet,
}

/// A request that was sent. Answered ones are kept where their round tells one attempt from another.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) id: RequestId,
    /// How the machine shows the id.
    pub(crate) shown: String,
    pub(crate) request: Request,
    pub(crate) is_open: bool,
}

/// What a machine did at one go.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    pub(crate) sent: Vec<Request>,
    pub(crate) finished: Vec<Finished>,
    pub(crate) is_idle: bool,
    pub(crate) is_endless: bool,
}

/// More than any machine does at one go.
const MOST_ACTIONS: usize = 200;

impl Process {
    pub(crate) fn new(running: Running) -> Self {
        Self { running, follows: None, gives_back: None, told: None, wait: None, names: Vec::new() }
    }

    pub(crate) fn handle(&mut self, event: Event, now: Moment) {
        match &mut self.running {
            Running::Acquire(machine) => machine.handle(event, now),
            Running::Extend(machine) => machine.handle(event, now),
            Running::Release(machine) => machine.handle(event, now),
            Running::Adopt(machine) | Running::HandBack(machine) => machine.handle(event, now),
        }
    }

    /// The lock that it gives back, by the round that took it, and what has become of that.
    pub(crate) fn deletes(&self) -> Option<(u8, Deletes)> {
        let (Running::Release(machine), Some(lock)) = (&self.running, self.gives_back) else { return None };
        Some((lock.round, machine.deletes().unproven_at(lock.revivable)))
    }

    /// Hears what has become of the deletes of the lock that was taken in this round, if it is in step with that.
    pub(crate) fn hear(&mut self, round: u8, deletes: Deletes, now: Moment) -> bool {
        let Some(follows) = self.follows.as_mut().filter(|follows| follows.round == round) else {
            return false;
        };
        let deletes = follows.deletes.then(deletes);
        if mem::replace(&mut follows.deletes, deletes) == deletes {
            return false;
        }
        self.handle(Event::Deletes(deletes), now);
        true
    }

    /// The nodes where the fixed value is in doubt by what this machine does.
    pub(crate) fn in_doubt(&self) -> NodeSet {
        let doubts = match &self.running {
            Running::Acquire(machine) => machine.in_doubt(),
            Running::Extend(machine) => machine.in_doubt(),
            Running::Release(machine) => machine.in_doubt(),
            Running::Adopt(machine) | Running::HandBack(machine) => machine.in_doubt(),
        };
        let exact = doubts.iter().filter(|(value, _)| value.as_str() == EXACT);
        exact.fold(NodeSet::EMPTY, |all, (_, nodes)| all.union(*nodes))
    }

    /// Takes what the machine wants done. `rounds` counts the client's rounds, and `slot` is the machine's place.
    pub(crate) fn drain(&mut self, slot: u8, rounds: &mut u8, search: &Search) -> Deeds {
        let mut deeds = Deeds::default();
        let before = *rounds;
        for _ in 0..MOST_ACTIONS {
            match self.poll() {
                Action::Send { id, command } => {
                    *rounds = naming::round_after(&command, before).max(*rounds);
                    deeds.sent.push(self.name(slot, id, &command, *rounds, search));
                }
                Action::Done(finished) => deeds.finished.push(finished),
                Action::WaitUntil(at, reason) => {
                    self.wait = Some((at, reason));
                    return deeds;
                }
                Action::Idle => {
                    deeds.is_idle = true;
                    return deeds;
                }
            }
        }
        Deeds { is_endless: true, ..deeds }
    }

    /// The id of an unanswered request, which counts as answered from now on.
    pub(crate) fn answer(&mut self, request: Request) -> Option<RequestId> {
        let name = self.names.iter_mut().find(|name| name.is_open && name.request == request)?;
        name.is_open = false;
        let id = name.id;
        let tells_rounds_apart = |what| matches!(what, What::Set | What::SetOrLook | What::Rotate);
        self.names.retain(|name| name.is_open || tells_rounds_apart(name.request.what));
        Some(id)
    }

    fn poll(&mut self) -> Action<Finished> {
        match &mut self.running {
            Running::Acquire(machine) => {
                finished(machine.poll(), |result| result.map_or(Finished::NotLocked, Finished::Locked))
            }
            Running::Adopt(machine) => {
                finished(machine.poll(), |result| result.map_or(Finished::NotLocked, Finished::Locked))
            }
            Running::Extend(machine) => finished(machine.poll(), |result| {
                result.map_or_else(|failure| Finished::NotExtended(failure.cause), Finished::Extended)
            }),
            Running::Release(machine) => finished(machine.poll(), |result| {
                result.map_or_else(|failure| Finished::NotReleased(failure.not_deleted), Finished::Released)
            }),
            Running::HandBack(machine) => finished(machine.poll(), |result| {
                result.map_or_else(
                    |failure| Finished::NotHandedBack(failure.not_rotated),
                    |_| Finished::HandedBack,
                )
            }),
        }
    }

    fn name(&mut self, slot: u8, id: RequestId, command: &Command, round: u8, search: &Search) -> Request {
        let mut request = naming::request(command, &self.running, id.node(), search);
        request.process = slot;
        // Who undoes what shows in the value, as far as anybody can tell.
        if !matches!(request.what, What::Undo | What::Rotate | What::SetBack) {
            request.round = round;
        }
        while self.names.iter().any(|name| name.is_open && name.request == request) {
            request.copy += 1;
        }
        self.names.push(Name { id, shown: format!("{id:?}"), request, is_open: true });
        request
    }
}

fn finished<T>(action: Action<T>, name: impl Fn(T) -> Finished) -> Action<Finished> {
    match action {
        Action::Send { id, command } => Action::Send { id, command },
        Action::WaitUntil(at, reason) => Action::WaitUntil(at, reason),
        Action::Done(result) => Action::Done(name(result)),
        Action::Idle => Action::Idle,
    }
}
