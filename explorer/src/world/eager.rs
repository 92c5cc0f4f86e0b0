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
    message::{Leg, Message, NOTHING, Reply, Request, What, is_of_lineage},
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
            | Happening::End(_)
            | Happening::Pass => false,
        })
    }

    /// A client that nothing else can happen to begins; one that cannot be cancelled begins its next round, where old
    /// rounds have no bearing on it.
    fn is_eager_input(&self, client: usize, input: Input, arena: &Arena<'_>) -> bool {
        let Some(view) = self.view(client, arena) else { return false };
        match input {
            Input::Lock | Input::Adopt => {
                view.choices.len() == 1 && !self.network.iter().any(|at| at.is_heard_by(client))
            }
            Input::Tick(slot) => {
                let rests = view.locking == Some((usize::from(slot), WaitReason::RetryDelay));
                rests && view.can_be_cancelled.is_none() && !view.is_exact
            }
            Input::Extend
            | Input::Release
            | Input::HandOver
            | Input::HandBack
            | Input::Drop
            | Input::Cancel
            | Input::Crash
            | Input::KeyEnds(_)
            | Input::Reply { .. } => false,
        }
    }

    /// A request about what does not stand there, and never will.
    fn is_dead(&self, message: &Message, arena: &Arena<'_>) -> bool {
        let request = message.request;
        let can_fail = self.faults > 0 && message.leg == Leg::There;
        let search = arena.search();
        let can_be_revived = search.roles.iter().any(|role| role.revive);
        if can_fail || can_be_revived || request.value == 0 {
            return false;
        }
        let is_empty = self.node(request.node).key.is_none();
        match request.what {
            // Once a node is empty, nothing of the token's lineage comes to stand there again.
            What::Undo | What::GiveBack if request.other != NOTHING => is_empty && !self.may_stand(message),
            What::Undo | What::GiveBack | What::Raise => !self.may_stand(message),
            // The token's TTL is the only thing that it could change, and ends never here.
            What::SetBack => search.time == Time::Endless && !self.may_stand(message),
            What::Rotate | What::HandBack => is_empty && search.roles.iter().all(|role| role.adopts),
            What::Set | What::SetOrLook | What::Extend | What::Revive => false,
        }
    }

    /// Whether the client's value stands at the node, or may come to stand there.
    fn may_stand(&self, message: &Message) -> bool {
        let Request { node, value, .. } = message.request;
        let comes = self.network.iter().any(|at| {
            at.is_request()
                && (at.client, at.request.node, at.request.value) == (message.client, node, value)
                && at.request.what.sets()
        });
        comes || self.node(node).key.is_some_and(|key| key.holds(message.client, value))
    }

    /// Whether what set it at the same node is unanswered: it matters which reply comes first, as an undo is repeated then.
    fn is_set_unanswered(&self, undo: &Message) -> bool {
        self.network.iter().any(|at| {
            at.is_heard_by(usize::from(undo.client))
                && (at.request.process, at.request.node) == (undo.request.process, undo.request.node)
                && matches!(at.request.what, What::Set | What::SetOrLook | What::Rotate)
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
        let is_of_live_round = view.live_round == Some(request.round);
        // What becomes of a rotation that was given up depends on how an adopted lock ends.
        let has_ended = view.live_round.is_none() || !is_of_lineage(request.value);
        is_past
            && match (request.what, reply) {
                (
                    What::Undo | What::SetBack,
                    Reply::Granted | Reply::Told { .. } | Reply::OtherValue | Reply::Missing,
                ) => has_ended && !self.is_set_unanswered(message),
                (What::GiveBack, Reply::Granted | Reply::OtherValue | Reply::Missing) => !view.is_releasing,
                (What::Set | What::SetOrLook, Reply::Granted | Reply::Told { .. } | Reply::Unknown) => {
                    !is_of_live_round
                }
                (What::Set | What::SetOrLook, Reply::Taken | Reply::SameValue) => {
                    !is_of_live_round && !has_failed
                }
                (What::Rotate, Reply::Told { .. } | Reply::Unknown) => view.live_round.is_none(),
                (What::Rotate, Reply::Adopted | Reply::OtherValue | Reply::Missing) => {
                    view.live_round.is_none() && !has_failed
                }
                (What::HandBack, _) => !view.is_handing_back,
                (What::Raise, _) => !is_of_live_round,
                (What::SetBack, Reply::Adopted) => {
                    view.live_round.is_none() && !self.is_set_unanswered(message)
                }
                (What::Extend | What::Revive, _)
                | (
                    What::Undo | What::GiveBack | What::SetBack | What::Set | What::SetOrLook | What::Rotate,
                    _,
                ) => false,
            }
    }
}
