//! Locks that are handed over in the storm, adopted, dropped and handed back.

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use redsync_core::{Error, Guard, LockToken};

use super::{DEADLINE, HOUR, LONG, ms, mutex, polls};
use crate::{
    cancel::drop_after,
    simulation::{
        event::{What, Who},
        stage::{Desk, Stage},
    },
};

/// A node time-out in which every message of the storm arrives that is not lost.
const PATIENT: Duration = Duration::from_millis(170);

/// A token that nobody has used up: it can be adopted once the storm is over.
pub(super) struct Parcel {
    token: LockToken,
    desk: Desk,
}

/// Hands a lock over and has its token delivered. Returns the token if it must be good when the storm is over.
pub(super) async fn make(stage: Stage, desk: Desk) -> Option<Parcel> {
    // With several deliveries, what one of them sets back may come after another has released the lock, and stands
    // until its TTL is over.
    let is_delivered_once = stage.once_in(2);
    let name = format!("{}:{}:trip", if is_delivered_once { "storm" } else { "spare" }, desk.number);
    let mutex = mutex(&stage, &desk, name).node_timeout(PATIENT).deadline(2 * DEADLINE).tries(4);
    let mutex = if stage.once_in(2) { mutex.fenced() } else { mutex };
    let guard = mutex.lock().await.ok()?;
    if stage.once_in(3) {
        drop(drop_after(stage.index(3), guard.extend()).await);
    }
    let polls = if stage.once_in(4) { stage.index(4) } else { usize::MAX };
    let token = drop_after(polls, guard.hand_over(HOUR)).await?.ok()?;
    for _ in 0..if is_delivered_once { 1 } else { 4 } {
        deliver(&stage, &token, !is_delivered_once).await?;
    }
    Some(Parcel { token, desk })
}

/// Has it adopted by one or two, or by none. `None` when the lock was released.
async fn deliver(stage: &Stage, token: &LockToken, may_be_two: bool) -> Option<()> {
    if may_be_two && stage.once_in(2) {
        let (one, other) = join(adopt(stage, token), adopt(stage, token)).await;
        let ends = [one, other].into_iter().flatten().map(|guard| end(stage, token, guard));
        return futures_util::future::join_all(ends).await.into_iter().collect();
    }
    match adopt(stage, token).await {
        Some(guard) => end(stage, token, guard).await,
        None => Some(()),
    }
}

async fn adopt(stage: &Stage, token: &LockToken) -> Option<Guard> {
    let desks = stage.desks();
    let desk = desks.get(stage.index(desks.len()))?;
    let mutex = mutex(stage, desk, token.name().to_owned());
    let mutex = if stage.once_in(2) { mutex.node_timeout(PATIENT) } else { mutex };
    drop_after(polls(stage, 6), mutex.adopt(token)).await?.ok()
}

async fn end(stage: &Stage, token: &LockToken, guard: Guard) -> Option<()> {
    let end = stage.pick(4);
    // An extension that is dropped before a hand-back, and whose replies are lost, may take the token's value with it.
    if stage.once_in(2) && end < 2 {
        drop(drop_after(polls(stage, 3), guard.extend()).await);
    }
    match end {
        0 => drop(guard),
        1 => drop(guard.release().await),
        _ => return drop_after(polls(stage, 6), guard.hand_back(token)).await?.ok(),
    }
    None
}

impl Parcel {
    /// Adopts it, and releases its lock.
    pub(super) async fn recover(self, stage: &Stage) {
        let Self { token, desk } = self;
        let mutex = desk.client.mutex(token.name()).ttl(HOUR).node_timeout(ms(60));
        let adopted = mutex.deadline(LONG).tries(1000).retry_delay(ms(50)).adopt(&token).await;
        let outcome = adopted.as_ref().map(drop).map_err(Error::kind);
        if let Ok(guard) = adopted {
            drop(guard.release().await);
        }
        stage.record(Who::Fate, What::Recovered { name: Arc::from(token.name()), outcome });
    }
}
