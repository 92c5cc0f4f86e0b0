//! What may happen at once, since nothing that matters depends on when it happens.
//!
//! A step that no other step can disturb, that disturbs none, and that no check can see needs to be tried first only:
//! whatever comes of it later comes of it now as well, as what it sends can be on its way for as long as it would have
//! waited. Deletes of a fixed value cannot where there is time, so there they are tried at any.

use redsync_core::machine::WaitReason;

use super::{Happening, World};
use crate::{
    arena::Arena,
    client::Input,
    message::{Leg, Message, Reply, What},
    search::Time,
};

impl World {
    /// The first of `happenings` that may happen at once.
    pub(super) fn eager(&self, happenings: &[Happening], arena: &Arena<'_>) -> Option<Happening> {
        if arena.search().hung_node.is_some() {
            return None;
        }
        let is_endless = arena.search().time == Time::Endless;
        happenings.iter().copied().find(|happening| match happening {
            Happening::Input { client, input } => is_endless && self.is_eager_input(*client, *input, arena),
            Happening::Execute(index) => self.network.get(*index).is_some_and(|at| self.is_dead(at, arena)),
            Happening::Deliver { message, cancelled: false } => {
                self.network.get(*message).is_some_and(|at| self.is_aftermath(at, arena))
            }
            Happening::Deliver { cancelled: true, .. }
            | Happening::GiveUp(_)
            | Happening::Lose(_)
            | Happening::Fail(_)
            | Happening::Pass => false,
        })
    }

    /// A client that nothing else can happen to begins; one that cannot be cancelled begins its next round, where old
    /// rounds have no bearing on it.
    fn is_eager_input(&self, client: usize, input: Input, arena: &Arena<'_>) -> bool {
        let Some(view) = self.view(client, arena) else { return false };
        match input {
            Input::Lock => view.choices.len() == 1 && !self.network.iter().any(|at| at.is_heard_by(client)),
            Input::Tick(slot) => {
                let rests = view.locking == Some((usize::from(slot), WaitReason::RetryDelay));
                rests && view.can_be_cancelled.is_none() && !view.is_exact
            }
            Input::Extend | Input::Release | Input::Drop | Input::Cancel | Input::Reply { .. } => false,
        }
    }

    /// A delete of what does not stand there, and never will.
    fn is_dead(&self, message: &Message, arena: &Arena<'_>) -> bool {
        let request = message.request;
        let is_delete = matches!(request.what, What::Undo | What::GiveBack);
        let can_fail = self.faults > 0 && message.leg == Leg::There;
        let can_be_revived = arena.search().roles.iter().any(|role| role.revive);
        if !is_delete || can_fail || can_be_revived || request.value == 0 {
            return false;
        }
        let is_its = |client: u8, value: u8| client == message.client && value == request.value;
        let stands = self.nodes.get(usize::from(request.node)).copied().flatten();
        let comes = self.network.iter().any(|at| {
            at.is_request()
                && at.request.node == request.node
                && is_its(at.client, at.request.value)
                && matches!(at.request.what, What::Set | What::SetOrLook)
        });
        !comes && !stands.is_some_and(|key| is_its(key.client, key.value))
    }

    /// Whether the SET at the same node is unanswered: it matters which reply comes first, as an undo is repeated then.
    fn is_set_unanswered(&self, undo: &Message) -> bool {
        self.network.iter().any(|at| {
            at.is_heard_by(usize::from(undo.client))
                && (at.request.process, at.request.node) == (undo.request.process, undo.request.node)
                && matches!(at.request.what, What::Set | What::SetOrLook)
        })
    }

    /// A reply to what nobody waits for any more, whose place in the order makes no difference: each node's share of
    /// the clean-up goes by itself.
    fn is_aftermath(&self, message: &Message, arena: &Arena<'_>) -> bool {
        let Leg::Back(reply) = message.leg else { return false };
        let Some(view) = self.view(usize::from(message.client), arena) else { return false };
        let request = message.request;
        // What is in doubt about a fixed value has a bearing on the rounds to come.
        let is_past = request.value != 0 || (view.starts_no_round && arena.search().time == Time::Endless);
        let has_failed = arena.search().faults.failed && self.faults < arena.search().faults.most;
        is_past
            && match (request.what, reply) {
                (What::Undo, Reply::Granted | Reply::OtherValue | Reply::Missing) => {
                    !self.is_set_unanswered(message)
                }
                (What::GiveBack, Reply::Granted | Reply::OtherValue | Reply::Missing) => !view.is_releasing,
                (What::Set | What::SetOrLook, Reply::Granted | Reply::Unknown) => {
                    view.live_round != Some(request.round)
                }
                (What::Set | What::SetOrLook, Reply::Taken | Reply::SameValue) => {
                    view.live_round != Some(request.round) && !has_failed
                }
                (What::Extend | What::Revive, _)
                | (What::Undo | What::GiveBack | What::Set | What::SetOrLook, _) => false,
            }
    }
}
