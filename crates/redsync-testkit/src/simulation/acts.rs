//! The acts of one world: trouble, peace, a last storm, and a day on which all is well.

use std::time::Duration;

use super::{
    day,
    event::{What, Who},
    stage::Stage,
    storm, troubles,
};

/// Long enough for everything that is bounded by a TTL, a deadline or a passing trouble.
const LONG: Duration = Duration::from_secs(30);

/// Plays all acts, or until a promise is broken.
pub(super) fn play(stage: &Stage) {
    let acts: [fn(&Stage); 4] = [trouble, peace, storm::play, day::play];
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
    let longest = stage.plan.longest_ttl();
    stage.world.run_for(longest + longest / 10);
    stage.record(Who::Fate, What::MustBeClean { names: "lock:" });
}
