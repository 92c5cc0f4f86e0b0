//! The acts of one world: trouble, peace, a last storm, and a day on which all is well.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, join_all, select};

use super::{
    day,
    event::{What, Who},
    network::Weather,
    plan::TTL,
    stage::{Desk, Stage},
    troubles,
};
use crate::{cancel::drop_after, memory::Loss};

/// Long enough for everything that is bounded by a TTL, a deadline or a passing trouble.
const LONG: Duration = Duration::from_secs(30);
/// What each call of the storm is given.
const DEADLINE: Duration = Duration::from_millis(1500);
/// A TTL that nothing in the last storm waits for.
const HOUR: Duration = Duration::from_secs(3600);

/// Plays all acts, or until a promise is broken.
pub(super) fn play(stage: &Stage) {
    let acts: [fn(&Stage); 4] = [trouble, peace, last_storm, day::play];
    for act in acts {
        if !stage.is_violated() {
            act(stage);
        }
    }
}

/// Everybody takes locks while everything goes wrong.
fn trouble(stage: &Stage) {
    for desk in 0..stage.plan.processes {
        stage.start_process(usize::try_from(desk).unwrap_or(0), stage.plan.rounds);
    }
    stage.world.block_on(troubles::make(stage.clone()));
}

/// All troubles pass by themselves, the callers come to their end, and so does what goes on in the background.
fn peace(stage: &Stage) {
    // A caller has so many rounds to go at most, each of which ends by deadlines and pauses.
    let bound = LONG * (stage.plan.rounds + 1);
    let tasks = stage.world.run_until_idle(bound);
    if tasks > 0 {
        return stage.record(Who::Fate, What::StillBusy { tasks });
    }
    stage.world.run_for(TTL + TTL / 10);
    stage.record(Who::Fate, What::MustBeClean { names: "lock:" });
}

/// Calls that fail, are dropped or lose their replies, with a TTL that nobody waits for: everything is removed.
fn last_storm(stage: &Stage) {
    let ways: Vec<_> = stage.desks().into_iter().flat_map(|desk| desk.paths).collect();
    for way in &ways {
        // Requests that arrive after their caller was told of a loss are bounded by their TTL only.
        let replies = if stage.once_in(3) { Loss::Broken } else { Loss::Never };
        let repeats = stage.plan.repeats && stage.once_in(2);
        way.set_weather(Weather { delay: ms(80), replies, repeats, ..Weather::default() });
    }
    troubles::turn_away(stage);
    stage.world.block_on(join_all(stage.desks().into_iter().map(|desk| storm_call(stage.clone(), desk))));
    ways.iter().for_each(|way| way.set_weather(Weather::default()));
    let settled = join_all(stage.desks().into_iter().map(|desk| async move { desk.client.settled().await }));
    // What has settled needs no time any more.
    if let Either::Right(_) = stage.world.block_on(select(pin!(settled), stage.wait(LONG))) {
        stage.record(Who::Fate, What::StillBusy { tasks: stage.world.tasks_alive() });
    }
    stage.record(Who::Fate, What::MustBeClean { names: "storm:" });
    // The server that was turned away is back for good after that.
    stage.world.run_until_idle(LONG);
}

async fn storm_call(stage: Stage, desk: Desk) {
    for _ in 0..3 {
        let name = if stage.once_in(3) { "storm:a".to_owned() } else { format!("storm:{}", desk.number) };
        let mutex = desk.client.mutex(name).ttl(HOUR).deadline(DEADLINE).tries(2);
        let mutex = mutex.node_timeout(ms(60)).retry_delay(ms(10)).revive_on_extend(stage.once_in(2));
        let mutex = if stage.once_in(2) { mutex.label("storm") } else { mutex };
        let polls = if stage.once_in(2) { stage.index(6) } else { usize::MAX };
        if let Some(Ok(guard)) = drop_after(polls, mutex.lock()).await {
            for _ in 0..stage.pick(3) {
                let polls = if stage.once_in(2) { stage.index(3) } else { usize::MAX };
                drop(drop_after(polls, guard.extend()).await);
            }
            match stage.pick(3) {
                0 => drop(guard),
                1 => drop(drop_after(stage.index(4), guard.release()).await),
                _ => drop(guard.release().await),
            }
        }
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
