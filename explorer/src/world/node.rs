//! What a node does with a request: no more than `SET NX PX`, and the scripts' comparing.

use super::Key;
use crate::message::{Message, NOTHING, Reply, Request, TOKEN, What, is_of_lineage, is_shared};

/// A node: what stands at the lock's key, and its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) key: Option<Key>,
    pub(super) counter: u8,
}

/// Keys that the token's value stands at have been set by nobody in particular.
const NOBODY: u8 = u8::MAX;

impl Key {
    /// The token's value.
    pub(super) const fn of_token(ends: u8) -> Self {
        Self { client: NOBODY, round: 0, value: TOKEN, ends }
    }

    /// Whether this client means this key by this value.
    pub(super) fn holds(&self, client: u8, value: u8) -> bool {
        self.value == value && (is_shared(value) || self.client == client)
    }
}

impl Node {
    /// Carries the request out; what it sets ends then.
    pub(super) fn carry_out(&mut self, message: &Message, ends: u8) -> Reply {
        let Request { value, other, what, round, fence, .. } = message.request;
        let own = Key { client: message.client, round, value, ends };
        let is_same = self.key.is_some_and(|at| at.holds(message.client, value));
        let is_other = other != NOTHING && self.key.is_some_and(|at| at.holds(message.client, other));
        match what {
            What::Set | What::SetOrLook => self.set(own, is_same, what, fence),
            What::Extend | What::Revive if is_same => {
                self.stand(fence);
                self.lengthen(ends);
                Reply::Granted
            }
            What::Revive if self.key.is_none() || is_other => {
                let left = self.key.map(|at| at.ends);
                self.stand(fence);
                self.key = Some(own);
                left.map_or(Reply::Revived, |left| Reply::Told { fence: None, left: Some(left) })
            }
            What::Undo | What::GiveBack if is_same => {
                self.key = None;
                Reply::Granted
            }
            What::Undo | What::GiveBack if is_other => {
                self.key = None;
                Reply::OtherValue
            }
            What::Undo | What::GiveBack if other != NOTHING => self.declined_to_kin(),
            What::Rotate => self.rotate(is_other, is_same, own, fence),
            What::SetBack | What::HandBack => self.rotate(is_same, is_other, Key::of_token(ends), fence),
            What::Raise if is_same => {
                self.stand(fence);
                Reply::Told { fence: Some(self.counter), left: None }
            }
            What::Extend | What::Revive | What::Undo | What::GiveBack | What::Raise => self.declined(),
        }
    }

    fn set(&mut self, own: Key, is_same: bool, what: What, proposal: Option<u8>) -> Reply {
        match self.key {
            None => {
                let fence = proposal.map(|proposal| self.draw(proposal));
                self.key = Some(own);
                fence.map_or(Reply::Granted, |fence| Reply::Told { fence: Some(fence), left: None })
            }
            Some(_) if is_same && what == What::SetOrLook => Reply::SameValue,
            Some(_) => Reply::Taken,
        }
    }

    fn rotate(&mut self, is_from: bool, is_to: bool, to: Key, proposal: Option<u8>) -> Reply {
        let left = self.key.map(|at| at.ends);
        if is_from {
            let fence = proposal.map(|proposal| self.draw(proposal));
            self.key = Some(to);
            Reply::Told { fence, left }
        } else if is_to {
            let fence = proposal.map(|_| self.counter);
            self.lengthen(to.ends);
            Reply::Told { fence, left: None }
        } else {
            self.declined_to_kin()
        }
    }

    fn declined_to_kin(&self) -> Reply {
        match self.key {
            Some(at) if is_of_lineage(at.value) => Reply::Adopted,
            Some(_) | None => self.declined(),
        }
    }

    fn declined(&self) -> Reply {
        if self.key.is_some() { Reply::OtherValue } else { Reply::Missing }
    }

    fn lengthen(&mut self, ends: u8) {
        self.key = self.key.map(|at| Key { ends: at.ends.max(ends), ..at });
    }

    fn draw(&mut self, proposal: u8) -> u8 {
        self.counter = self.counter.saturating_add(1).max(proposal);
        self.counter
    }

    fn stand(&mut self, fence: Option<u8>) {
        self.counter = fence.map_or(self.counter, |fence| self.counter.max(fence));
    }
}
