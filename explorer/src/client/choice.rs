//! What can happen to a client, and what others see of it.

use redsync_core::{
    Moment,
    machine::{NodeSet, WaitReason},
};

use super::{Client, Process, Stage};
use crate::{
    holding::Holding,
    message::{Reply, Request},
    search::{NODES, Search, Time},
};

/// What can happen to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    Lock,
    Adopt,
    Extend,
    Release,
    HandOver,
    HandBack,
    /// The guard is dropped.
    Drop,
    /// The future of the call is dropped.
    Cancel,
    /// The process stops for good.
    Crash,
    /// A key that was set in this round has ended.
    KeyEnds(u8),
    /// What this machine waits for has come.
    Tick(u8),
    Reply {
        request: Request,
        reply: Reply,
        /// Whether the call is cancelled before its result is seen.
        cancelled: bool,
    },
}

impl Input {
    /// The same from another node.
    pub(crate) fn permute(self, places: &[u8; NODES]) -> Self {
        match self {
            Self::Reply { request, reply, cancelled } => {
                Self::Reply { request: request.permute(places), reply, cancelled }
            }
            Self::Lock
            | Self::Adopt
            | Self::Extend
            | Self::Release
            | Self::HandOver
            | Self::HandBack
            | Self::Drop
            | Self::Cancel
            | Self::Crash
            | Self::KeyEnds(_)
            | Self::Tick(_) => self,
        }
    }
}

/// Something that can happen to a client by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) input: Input,
    /// From when on.
    pub(crate) from: Moment,
    /// Whether it may as well never happen.
    pub(crate) is_optional: bool,
    /// Whether it is the end of a wait for replies.
    pub(crate) is_timeout: bool,
    /// Whether it is the time to send again what failed in the background.
    pub(crate) is_retry: bool,
}

/// The fencing number of a lock that is held, or that its client thinks it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fenced {
    pub(crate) fence: u8,
    /// The round that took the lock.
    pub(crate) round: u8,
    /// The nodes that had granted it when the number was certain.
    pub(crate) nodes: NodeSet,
}

impl Client {
    /// The guard that says that it is valid, by the round that took it, and until when; or the token that it was made.
    pub(crate) fn guard(&self) -> Option<(u8, Moment)> {
        let holding = self.holding.as_ref()?;
        if let Stage::HandedOver(until) = self.stage {
            return Some((holding.round, until));
        }
        let is_given_back = holding.held.state().ending().is_some();
        let is_over = holding.round <= self.over;
        (!is_given_back && !is_over).then(|| (holding.round, holding.held.valid_until()))
    }

    /// Its fencing number, with the round that took the lock, and the nodes that had granted it by then.
    pub(crate) fn fenced(&self) -> Option<Fenced> {
        let Holding { round, fenced, .. } = self.holding.as_ref()?;
        fenced.map(|(fence, nodes)| Fenced { fence, round: *round, nodes })
    }

    /// The machine whose result it waits for.
    pub(crate) fn awaited(&self) -> Option<usize> {
        match self.stage {
            Stage::Locking(slot)
            | Stage::Extending(slot)
            | Stage::Releasing(slot)
            | Stage::HandingBack(slot)
            | Stage::HandingOver(slot) => Some(slot),
            Stage::Free | Stage::Holding | Stage::Returned | Stage::HandedOver(_) => None,
        }
    }

    /// The machine that takes the lock, and what it waits for.
    pub(crate) fn locking(&self) -> Option<(usize, WaitReason)> {
        let Stage::Locking(slot) = self.stage else { return None };
        let process = self.processes.get(slot)?.as_ref()?;
        Some((slot, process.wait?.1))
    }

    /// The round that is not over, or that has won a lock which was not given back.
    pub(crate) fn live_round(&self, search: &Search) -> Option<u8> {
        match self.stage {
            Stage::Locking(_) => Some(self.rounds),
            Stage::Holding if self.leaves(search) => None,
            Stage::Holding | Stage::Extending(_) | Stage::HandingOver(_) | Stage::HandedOver(_) => {
                self.holding.as_ref().map(|holding| holding.round)
            }
            // Whoever follows an adopted lock is told of the release as well.
            Stage::HandingBack(_) | Stage::Returned => self.adopted().map(|holding| holding.round),
            Stage::Free | Stage::Releasing(_) => None,
        }
    }

    fn adopted(&self) -> Option<&Holding> {
        self.holding.as_ref().filter(|holding| holding.held.adopted_from.is_some())
    }

    fn leaves(&self, search: &Search) -> bool {
        search.roles.get(self.role).is_some_and(|role| role.leaves)
    }

    /// Whether it has lived its life to the end, and has nothing to do in the background.
    pub(crate) fn is_over(&self, search: &Search) -> bool {
        let is_at_rest = |process: &Process| matches!(process.wait, Some((_, WaitReason::Settling)));
        let is_through = self.stage == Stage::Free && self.calls == 0;
        let has_left = self.stage == Stage::Holding && self.leaves(search);
        let has_left = has_left || matches!(self.stage, Stage::HandedOver(_));
        (is_through || has_left) && self.processes.iter().flatten().all(is_at_rest)
    }

    /// What can happen to it by itself.
    pub(crate) fn choices(&self, search: &Search) -> Vec<Choice> {
        let (mut choices, time) = (self.calls(search), search.time);
        for (slot, process) in (0..).zip(&self.processes) {
            if let Some((from, reason)) = process.as_ref().and_then(|process| process.wait)
                && (time != Time::Endless || from.since(self.now) < Search::NEVER)
            {
                let (is_timeout, is_retry) = (reason == WaitReason::Replies, reason == WaitReason::Settling);
                let input = Input::Tick(slot);
                choices.push(Choice { input, from, is_optional: false, is_timeout, is_retry });
            }
        }
        choices
    }

    /// What it may do next of its own accord, or have done to it.
    fn calls(&self, search: &Search) -> Vec<Choice> {
        let (has_cancels, has_extends) = (self.cancels > 0, self.extends > 0);
        let role = search.roles.get(self.role);
        let adopts = role.is_some_and(|role| role.adopts);
        let mut calls = match self.stage {
            Stage::Free => {
                let begin = if adopts { Input::Adopt } else { Input::Lock };
                vec![(begin, self.calls > 0, false)]
            }
            Stage::Locking(_)
            | Stage::Extending(_)
            | Stage::Releasing(_)
            | Stage::HandingBack(_)
            | Stage::HandingOver(_) => {
                vec![(Input::Cancel, has_cancels, true)]
            }
            Stage::HandedOver(_) => Vec::new(),
            Stage::Holding => vec![
                (Input::HandOver, self.hand_overs > 0, true),
                (Input::Release, !self.leaves(search), false),
                (Input::Drop, has_cancels, true),
                (Input::Extend, has_extends, true),
                (Input::HandBack, self.hand_backs > 0, true),
            ],
            Stage::Returned => vec![
                (Input::Drop, true, false),
                (Input::HandBack, self.hand_backs > 0 && self.adopted().is_some(), true),
            ],
        };
        let has_begun = self.stage != Stage::Free || !self.processes.is_empty();
        calls.push((Input::Crash, self.crashes > 0 && has_begun, true));
        let possible = calls.into_iter().filter(|(_, is_possible, _)| *is_possible);
        let choice = |(input, _, is_optional)| Choice {
            input,
            from: Moment::default(),
            is_optional,
            is_timeout: false,
            is_retry: false,
        };
        possible.map(choice).collect()
    }
}
