//! [`Observed`]: a machine with what was seen of it, and the promises that every machine keeps.

use std::collections::HashSet;

use redsync_core::{
    Moment,
    machine::{Action, Event, Machine, RequestId},
    wire::{Command, Outcome},
};

use super::{
    Happening, START,
    plans::Plan,
    proof::{Claim, Proofs},
};

pub(super) struct Observed<'a, M> {
    machine: M,
    plan: &'a Plan,
    now: Moment,
    /// What it waits for; `None` when it is idle.
    waits_until: Option<Moment>,
    outstanding: Vec<(RequestId, Command)>,
    answered: Vec<RequestId>,
    used: HashSet<RequestId>,
    proofs: Proofs,
    results: usize,
}

impl<'a, M> Observed<'a, M>
where
    M: Machine,
    M::Output: Claim,
{
    pub(super) fn new(machine: M, plan: &'a Plan) -> Self {
        let mut observed = Self {
            machine,
            plan,
            now: START,
            waits_until: Some(START),
            outstanding: Vec::new(),
            answered: Vec::new(),
            used: HashSet::new(),
            proofs: Proofs::default(),
            results: 0,
        };
        observed.drain();
        observed
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Reply(pick, said) => self.reply(pick, said.outcome()),
            Happening::Again(pick, said) => {
                if let Some(&id) = self.answered.get(usize::from(pick) % self.answered.len().max(1)) {
                    self.handle(Event::Reply { id, outcome: said.outcome() });
                }
            }
            Happening::Tick => self.handle(Event::Tick),
            Happening::Due => self.wait(),
            Happening::Cancel => self.handle(Event::Cancel),
            Happening::HandedBack => self.handle(Event::HandedBack),
            Happening::Pass(span) => self.now = self.now.plus(span.0),
        }
    }

    /// Lets time pass until the machine is idle, with no more replies.
    pub(super) fn run_out(&mut self) {
        // Each try waits twice, and a transfer's once more for nodes that have not answered; what failed is sent again
        // once, after a pause.
        let most_waits = 3 * self.plan.tries + 8;
        for _ in 0..most_waits {
            self.wait();
        }
        assert_eq!(self.waits_until, None, "it never comes to rest");
        assert_eq!(self.results, 1, "a call ends once");
        M::Output::check_at_rest(&self.proofs, self.plan);
    }

    fn wait(&mut self) {
        if let Some(at) = self.waits_until {
            self.now = self.now.max(at);
            self.handle(Event::Tick);
        }
    }

    fn reply(&mut self, pick: u8, outcome: Outcome) {
        if self.outstanding.is_empty() {
            return;
        }
        let (id, command) = self.outstanding.swap_remove(usize::from(pick) % self.outstanding.len());
        self.answered.push(id);
        self.proofs.note_reply(id.node(), &command, &outcome);
        self.handle(Event::Reply { id, outcome });
    }

    fn handle(&mut self, event: Event) {
        self.machine.handle(event, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        let mut sent = 0;
        self.waits_until = loop {
            match self.machine.poll() {
                Action::Send { id, command } => {
                    self.note_sent(id, command);
                    sent += 1;
                }
                Action::Done(output) => {
                    self.results += 1;
                    assert_eq!(self.results, 1, "a call ends once");
                    output.check(&self.proofs, self.plan, self.now);
                }
                Action::WaitUntil(at, _) => break Some(at),
                Action::Idle => break None,
            }
            // One event can start a round and clean up after each of those before.
            let most = self.plan.quorum.nodes() * (self.plan.tries as usize + 1);
            assert!(sent <= most, "{sent} requests at once");
        };
    }

    fn note_sent(&mut self, id: RequestId, command: Command) {
        assert!(id.node() < self.plan.quorum.nodes(), "there is no such node");
        assert!(self.used.insert(id), "an id is used once");
        self.proofs.note_sent(id.node(), &command);
        self.outstanding.push((id, command));
    }
}
