//! The third act, a last storm: calls that fail, are dropped or lose their replies, with a TTL that nobody waits for.
//! Everything is removed but what waits to be adopted, and that can be.

mod trip;

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, join, join_all, select};
use redsync_core::Mutex;

use super::{
    actors::{Caller, Terms, failed, released},
    event::{Op, What, Who},
    network::Weather,
    stage::{Desk, Stage},
    troubles,
};
use crate::memory::Loss;

/// Long enough for what goes on in the background.
const LONG: Duration = Duration::from_secs(30);
/// What each call of the storm is given.
const DEADLINE: Duration = Duration::from_millis(1500);
/// A TTL that nothing in the storm waits for.
const HOUR: Duration = Duration::from_secs(3600);

/// Plays the act.
pub(super) fn play(stage: &Stage) {
    let ways: Vec<_> = stage.desks().into_iter().flat_map(|desk| desk.paths).collect();
    for way in &ways {
        // Requests that arrive after their caller was told of a loss are bounded by their TTL only.
        let replies = if stage.once_in(3) { Loss::Broken } else { Loss::Never };
        let repeats = stage.plan.repeats && stage.once_in(2);
        way.set_weather(Weather { delay: ms(80), replies, repeats, ..Weather::default() });
    }
    troubles::turn_away(stage, 1);
    if stage.once_in(2) {
        troubles::turn_away(stage, 4);
    }
    let calls = join_all(stage.desks().into_iter().map(|desk| calls(stage.clone(), desk)));
    let trips = join_all(stage.desks().into_iter().map(|desk| trip::make(stage.clone(), desk)));
    let (_, parcels) = stage.world.block_on(join(calls, trips));
    ways.iter().for_each(|way| way.set_weather(Weather::default()));
    settle(stage);
    for parcel in parcels.into_iter().flatten() {
        stage.world.block_on(parcel.recover(stage));
    }
    settle(stage);
    stage.record(Who::Fate, What::MustBeClean { names: "storm:" });
    // The server that was turned away is back for good after that.
    stage.world.run_until_idle(LONG);
}

/// What has settled needs no time any more.
fn settle(stage: &Stage) {
    let settled = join_all(stage.desks().into_iter().map(|desk| async move { desk.client.settled().await }));
    if let Either::Right(_) = stage.world.block_on(select(pin!(settled), stage.wait(LONG))) {
        stage.record(Who::Fate, What::StillBusy { tasks: stage.world.tasks_alive() });
    }
}

async fn calls(stage: Stage, desk: Desk) {
    for _ in 0..3 {
        let name = if stage.once_in(3) { "storm:a".to_owned() } else { format!("storm:{}", desk.number) };
        let revives = stage.once_in(2);
        let mutex = mutex(&desk, name).revive_on_extend(revives);
        let mutex = if stage.once_in(2) { mutex.label("storm") } else { mutex };
        let caller = Caller::with_deadline(&stage, &desk, DEADLINE);
        let (name, polls) = (mutex.name(), |most| polls(&stage, most));
        if let Some(Ok(guard)) = caller.call_unless(Op::Lock, name, mutex.lock(), polls(6), failed).await {
            let lock = stage.next_lock();
            caller.granted(lock, &guard, Terms::of_generated(revives));
            for _ in 0..stage.pick(3) {
                let call = guard.extend();
                if let Some(Ok(())) = caller.call_unless(Op::Extend, name, call, polls(3), failed).await {
                    caller.extended(lock, &guard);
                }
            }
            if stage.once_in(2) {
                // What an extension has asked for may fail when the release has begun.
                stage.wait(stage.up_to(ms(60))).await;
            }
            caller.record(What::GivenUp { lock });
            let polls = match stage.pick(3) {
                0 => 0,
                1 => stage.index(4),
                _ => usize::MAX,
            };
            let call = guard.release();
            if let Some(Ok(released)) = caller.call_unless(Op::Release, name, call, polls, released).await {
                caller.record(What::Released { lock, released });
            }
        }
    }
}

/// With the options that everybody has in the storm.
fn mutex(desk: &Desk, name: String) -> Mutex {
    let mutex = desk.client.mutex(name).ttl(HOUR).deadline(DEADLINE).tries(2);
    mutex.node_timeout(ms(60)).retry_delay(ms(10))
}

/// After how many polls a call is dropped, if it is.
fn polls(stage: &Stage, most: usize) -> usize {
    if stage.once_in(2) { stage.index(most) } else { usize::MAX }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
