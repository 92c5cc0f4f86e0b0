//! Locks that are handed over in the storm, adopted, dropped and handed back.

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use redsync_core::{Error, Guard, LockToken};

use super::{DEADLINE, HOUR, LONG, ms, mutex, polls};
use crate::{
    memory::MemoryNode,
    simulation::{
        actors::{Caller, failed, kept, released},
        event::{Op, What, Who},
        stage::{Desk, Stage},
    },
};

/// A node time-out in which every message of the storm arrives that is not lost.
const PATIENT: Duration = Duration::from_millis(170);
/// What the calls are given that wait for so long.
const PATIENCE: Duration = Duration::from_millis(3000);

/// A token after the storm.
pub(super) struct Parcel {
    token: LockToken,
    desk: Desk,
    fate: Fate,
}

/// What has become of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nobody has used it up: it can be adopted once the storm is over.
    Waits,
    /// Its lock was handed back, and nobody heard whether it was: what stands of it does so for its wait.
    Unclear,
    /// Its lock was released, or nobody knows.
    Gone,
}

/// Hands a lock over and has its token delivered. Returns the token unless nothing of it may be left when the storm is over.
pub(super) async fn make(stage: Stage, desk: Desk) -> Option<Parcel> {
    // With several deliveries, what one of them sets back may come after another has released the lock, and stands
    // until its TTL is over.
    let is_delivered_once = stage.once_in(2);
    let name = format!("{}:{}:trip", if is_delivered_once { "storm" } else { "spare" }, desk.number);
    // What a dropped extension sets anew when the token was used up already stands until its TTL is over, too.
    let revives = !is_delivered_once && stage.once_in(2);
    let mutex = mutex(&desk, name).revive_on_extend(revives);
    let mutex = mutex.node_timeout(PATIENT).deadline(PATIENCE).tries(4);
    let mutex = if stage.once_in(2) { mutex.fenced() } else { mutex };
    let caller = Caller::with_deadline(&stage, &desk, PATIENCE);
    let name = mutex.name();
    let guard = caller.call_unless(Op::Lock, name, mutex.lock(), usize::MAX, failed).await?.ok()?;
    if stage.once_in(3) {
        caller.call_unless(Op::Extend, name, guard.extend(), stage.index(3), failed).await;
    }
    let polls = if stage.once_in(4) { stage.index(4) } else { usize::MAX };
    let token = caller.call_unless(Op::HandOver, name, guard.hand_over(HOUR), polls, kept).await?.ok()?;
    for _ in 0..if is_delivered_once { 1 } else { 4 } {
        match deliver(&stage, &token, !is_delivered_once).await {
            Fate::Waits => {}
            Fate::Unclear => return Some(Parcel { token, desk, fate: Fate::Unclear }),
            Fate::Gone => return None,
        }
    }
    Some(Parcel { token, desk, fate: Fate::Waits })
}

/// Has it adopted by one or two, or by none.
async fn deliver(stage: &Stage, token: &LockToken, may_be_two: bool) -> Fate {
    if may_be_two && stage.once_in(2) {
        let (one, other) = join(adopt(stage, token), adopt(stage, token)).await;
        let ends = [one, other].into_iter().flatten().map(|adopted| adopted.end(stage, token, may_be_two));
        let fates = futures_util::future::join_all(ends).await;
        return fates.into_iter().find(|fate| *fate != Fate::Waits).unwrap_or(Fate::Waits);
    }
    match adopt(stage, token).await {
        Some(adopted) => adopted.end(stage, token, may_be_two).await,
        None => Fate::Waits,
    }
}

/// A lock that was adopted, and by whom.
struct Adopted {
    caller: Caller,
    guard: Guard,
    /// Whether extending it sets missing keys anew.
    revives: bool,
}

async fn adopt(stage: &Stage, token: &LockToken) -> Option<Adopted> {
    let desks = stage.desks();
    let desk = desks.get(stage.index(desks.len()))?;
    let revives = stage.once_in(2);
    let mutex = mutex(desk, token.name().to_owned()).revive_on_extend(revives);
    let mutex = if stage.once_in(2) { mutex.node_timeout(PATIENT) } else { mutex };
    let caller = Caller::with_deadline(stage, desk, DEADLINE);
    let adopted = caller.call_unless(Op::Adopt, mutex.name(), mutex.adopt(token), polls(stage, 6), failed);
    let guard = adopted.await?.ok()?;
    Some(Adopted { caller, guard, revives })
}

impl Adopted {
    async fn end(self, stage: &Stage, token: &LockToken, may_leave_some: bool) -> Fate {
        let Self { caller, guard, revives } = self;
        let (name, polls) = (token.name(), |most| polls(stage, most));
        let end = stage.pick(4);
        let mut may_be_revived = false;
        if stage.once_in(2) && (end < 2 || may_leave_some) {
            may_be_revived = revives;
            drop(caller.call_unless(Op::Extend, name, guard.extend(), polls(3), failed).await);
        }
        match end {
            0 => drop(guard),
            1 => drop(caller.call_unless(Op::Release, name, guard.release(), usize::MAX, released).await),
            _ => {
                let call = guard.hand_back(token);
                return match caller.call_unless(Op::HandBack, name, call, polls(6), kept).await {
                    // What a late extension sets anew after that, and loses the reply to, is removed and not set back, since
                    // the token may have been used: then too few nodes may be left for it.
                    Some(Ok(())) if may_be_revived => Fate::Gone,
                    Some(Ok(())) => Fate::Waits,
                    Some(Err(_)) | None => Fate::Unclear,
                };
            }
        }
        Fate::Gone
    }
}

impl Parcel {
    /// Adopts it, and releases its lock, or waits until it is over.
    pub(super) async fn recover(self, stage: &Stage) {
        let Self { token, desk, fate } = self;
        if fate == Fate::Unclear {
            // Nobody waits for so long: it is over now.
            let stands = |node: &MemoryNode| node.get(token.name()).as_deref() == Some(token.value());
            let nodes = stage.servers.iter().map(|server| server.node()).filter(|node| stands(node));
            return nodes.for_each(|node| drop(node.execute(&["DEL", token.name()])));
        }
        let mutex = desk.client.mutex(token.name()).ttl(HOUR).node_timeout(ms(60));
        let adopted = mutex.deadline(LONG).tries(1000).retry_delay(ms(50)).adopt(&token).await;
        let outcome = adopted.as_ref().map(drop).map_err(Error::kind);
        if let Ok(guard) = adopted {
            drop(guard.release().await);
        }
        stage.record(Who::Fate, What::Recovered { name: Arc::from(token.name()), outcome });
    }
}
