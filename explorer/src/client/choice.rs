//! What can happen to a client, and what others see of it.

use redsync_core::{Moment, machine::WaitReason};

use super::{Client, Process, Stage};
use crate::{
    message::{Reply, Request},
    search::{NODES, Search, Time},
};

/// What can happen to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    Lock,
    Extend,
    Release,
    /// The guard is dropped.
    Drop,
    /// The future of the call is dropped.
    Cancel,
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
            Self::Lock | Self::Extend | Self::Release | Self::Drop | Self::Cancel | Self::Tick(_) => self,
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
}

impl Client {
    /// The guard that says that it is valid, by the round that took it, and until when.
    pub(crate) fn guard(&self) -> Option<(u8, Moment)> {
        let holding = self.holding.as_ref()?;
        let is_given_back = holding.held.state().ending().is_some();
        (!is_given_back).then(|| (holding.round, holding.held.valid_until()))
    }

    /// The machine whose result it waits for.
    pub(crate) fn awaited(&self) -> Option<usize> {
        match self.stage {
            Stage::Locking(slot) | Stage::Extending(slot) | Stage::Releasing(slot) => Some(slot),
            Stage::Free | Stage::Holding | Stage::NotReleased => None,
        }
    }

    /// The machine that takes the lock, and what it waits for.
    pub(crate) fn locking(&self) -> Option<(usize, WaitReason)> {
        let Stage::Locking(slot) = self.stage else { return None };
        let process = self.processes.get(slot)?.as_ref()?;
        Some((slot, process.wait?.1))
    }

    /// The round that is not over, or that has won a lock which was not given back.
    pub(crate) fn live_round(&self) -> Option<u8> {
        match self.stage {
            Stage::Locking(_) => Some(self.rounds),
            Stage::Holding | Stage::Extending(_) => self.holding.as_ref().map(|holding| holding.round),
            Stage::Free | Stage::Releasing(_) | Stage::NotReleased => None,
        }
    }

    /// Whether it has lived its life to the end, and has nothing to do in the background.
    pub(crate) fn is_over(&self) -> bool {
        let is_at_rest = |process: &Process| matches!(process.wait, Some((_, WaitReason::Settling)));
        self.stage == Stage::Free && self.calls == 0 && self.processes.iter().flatten().all(is_at_rest)
    }

    /// What can happen to it by itself.
    pub(crate) fn choices(&self, time: Time) -> Vec<Choice> {
        let mut choices = self.calls();
        for (slot, process) in (0..).zip(&self.processes) {
            if let Some((from, reason)) = process.as_ref().and_then(|process| process.wait)
                && (time != Time::Endless || from.since(self.now) < Search::NEVER)
            {
                let is_timeout = reason == WaitReason::Replies;
                choices.push(Choice { input: Input::Tick(slot), from, is_optional: false, is_timeout });
            }
        }
        choices
    }

    /// What it may do next of its own accord, or have done to it.
    fn calls(&self) -> Vec<Choice> {
        let (has_cancels, has_extends) = (self.cancels > 0, self.extends > 0);
        let calls = match self.stage {
            Stage::Free => vec![(Input::Lock, self.calls > 0, false)],
            Stage::Locking(_) | Stage::Extending(_) | Stage::Releasing(_) => {
                vec![(Input::Cancel, has_cancels, true)]
            }
            Stage::Holding => vec![
                (Input::Release, true, false),
                (Input::Drop, has_cancels, true),
                (Input::Extend, has_extends, true),
            ],
            Stage::NotReleased => vec![(Input::Drop, true, false)],
        };
        let possible = calls.into_iter().filter(|(_, is_possible, _)| *is_possible);
        let choice = |(input, _, is_optional)| Choice {
            input,
            from: Moment::default(),
            is_optional,
            is_timeout: false,
        };
        possible.map(choice).collect()
    }
}
