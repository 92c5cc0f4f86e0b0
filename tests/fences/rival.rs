//! [`Rival`]: a handler and two workers who contend for one lock and pass it on among each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join;
use redsync_core::{Delay, Error, ErrorKind, Guard, LockToken, Redsync};

use crate::{
    TTL,
    chain::{Hold, How},
    clocks::now,
    trouble::Kind,
};

/// How long a token may wait: its lock lasts for less than [`TTL`].
const WAIT: Duration = Duration::from_secs(1);

/// What all rivals saw.
pub(crate) struct Journal {
    size: usize,
    holds: Mutex<Vec<Hold>>,
    failures: Mutex<BTreeMap<String, usize>>,
    /// What has not happened to any server so far.
    to_come: Mutex<BTreeSet<Kind>>,
}

pub(crate) struct Rival {
    name: &'static str,
    /// The first one is the handler.
    clients: Vec<Redsync>,
    journal: Arc<Journal>,
}

impl Rival {
    pub(crate) fn new(name: &'static str, clients: Vec<Redsync>, journal: Arc<Journal>) -> Self {
        Self { name, clients, journal }
    }

    /// Takes turns until the journal is full.
    pub(crate) async fn contend(self) {
        while !self.journal.is_full() {
            let locked = self.mutex(0).fenced().lock().await;
            if let Some(held) = self.note(How::Locked, locked) {
                self.go_on(held).await;
            }
        }
        for client in &self.clients {
            // After a TTL all that is left has gone by itself.
            let _ = tokio::time::timeout(TTL, client.settled()).await;
        }
    }

    async fn go_on(&self, held: (usize, Guard)) {
        match rand::random_range(0..10) {
            0 => drop(self.end(held)),
            1..4 => self.release(held).await,
            4 => {
                self.note_failure("extend", held.1.extend().await.err().map(|error| error.kind()));
                self.release(held).await;
            }
            _ => self.travel(held).await,
        }
    }

    /// Hands the lock over to two workers, of whom one adopts it, and may give it back to the token for another.
    async fn travel(&self, held: (usize, Guard)) {
        let token = match self.end(held).hand_over(WAIT).await {
            Ok(token) => token,
            Err(error) => return self.note_failure("hand over", Some(error.kind())),
        };
        let Some(held) = self.adopt(&token).await else { return };
        if rand::random_bool(0.7) {
            return self.release(held).await;
        }
        match self.end(held).hand_back(&token).await {
            Ok(()) => {}
            Err(error) => return self.note_failure("hand back", Some(error.kind())),
        }
        if let Some(held) = self.adopt(&token).await {
            self.release(held).await;
        }
    }

    /// Delivers the token to both workers.
    async fn adopt(&self, token: &LockToken) -> Option<(usize, Guard)> {
        let worker = |number: usize| {
            let mutex = self.mutex(number);
            async move {
                let adopted = mutex.adopt(token).await;
                self.note(How::Adopted, adopted)
            }
        };
        let (one, other) = join(worker(1), worker(2)).await;
        one.or(other)
    }

    async fn release(&self, held: (usize, Guard)) {
        let released = self.end(held).release().await;
        self.note_failure("release", released.err().map(|error| error.kind()));
    }

    fn mutex(&self, client: usize) -> redsync_core::Mutex {
        let delay = Delay::Between(Duration::from_millis(2), Duration::from_millis(25));
        let mutex = self.clients[client].mutex(self.name).ttl(TTL).tries(100).retry_delay(delay);
        mutex.node_timeout(Duration::from_millis(60)).deadline(Duration::from_secs(1))
    }

    /// Writes down what came of a call, and returns the guard with its number in the journal.
    fn note(&self, how: How, result: Result<Guard, Error>) -> Option<(usize, Guard)> {
        match result {
            Ok(guard) => {
                let (got, left) = (now(), guard.valid_for());
                let fence = guard.fence().expect("a fenced lock has a number, and so has who adopts it");
                let valid_until = if left.is_zero() { got } else { got.plus(left) };
                let hold = Hold { name: self.name, how, fence, got, valid_until, given_back: None };
                Some((self.journal.add(hold), guard))
            }
            Err(error) => {
                self.journal.note_failure(format!("{how:?} {:?}", error.kind()));
                None
            }
        }
    }

    /// The call that gives the lock back is about to begin.
    fn end(&self, (number, guard): (usize, Guard)) -> Guard {
        self.journal.end(number, guard.valid_for());
        guard
    }

    /// A guard that an error gives back is dropped, and so released.
    fn note_failure(&self, what: &str, error: Option<ErrorKind>) {
        error.into_iter().for_each(|kind| self.journal.note_failure(format!("{what} {kind:?}")));
    }
}

impl Journal {
    pub(crate) fn new(size: usize, kinds: &[Kind]) -> Self {
        let (holds, failures) = Default::default();
        Self { size, holds, failures, to_come: Mutex::new(kinds.iter().copied().collect()) }
    }

    /// Whether there were enough acquisitions and adoptions, and every kind of fault.
    pub(crate) fn is_full(&self) -> bool {
        self.holds.lock().expect("no panic").len() >= self.size
            && self.to_come.lock().expect("no panic").is_empty()
    }

    pub(crate) fn note_fault(&self, kind: Kind) {
        self.to_come.lock().expect("no panic").remove(&kind);
    }

    pub(crate) fn holds(&self) -> Vec<Hold> {
        self.holds.lock().expect("no panic").clone()
    }

    fn add(&self, hold: Hold) -> usize {
        let mut holds = self.holds.lock().expect("no panic");
        holds.push(hold);
        holds.len() - 1
    }

    fn end(&self, number: usize, left: Duration) {
        let now = now();
        let mut holds = self.holds.lock().expect("no panic");
        let hold = &mut holds[number];
        // It may have been extended.
        if !left.is_zero() {
            hold.valid_until = hold.valid_until.max(now);
        }
        hold.given_back = Some(now);
    }

    fn note_failure(&self, what: String) {
        *self.failures.lock().expect("no panic").entry(what).or_default() += 1;
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holds = self.holds();
        let count = |how| holds.iter().filter(|hold| hold.how == how).count();
        let (locked, adopted) = (count(How::Locked), count(How::Adopted));
        write!(
            f,
            "{locked} locked, {adopted} adopted; failures {:?}",
            self.failures.lock().expect("no panic")
        )
    }
}
