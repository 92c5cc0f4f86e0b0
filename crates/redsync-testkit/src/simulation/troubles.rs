//! Fate: what goes wrong in a world, one after the other and several at once.

use std::time::Duration;

use redsync_core::Runtime;

use super::{
    event::{Fault, Place, What, Who},
    network::{Path, Weather},
    plan::TTL,
    server::{Comeback, Server},
    stage::{Desk, Stage},
};
use crate::memory::{ErrorReply, Loss};

/// What a server says that turns everything away.
const REFUSALS: [(&str, &str); 4] = [
    ("LOADING", "Redis is loading the dataset in memory"),
    ("OOM", "command not allowed when used memory > 'maxmemory'."),
    ("MISCONF", "Errors writing to the AOF file"),
    ("READONLY", "You can't write against a read only replica."),
];

/// The most that a wall clock is set forward or back, in milliseconds.
const STEP_MILLIS: i64 = 300_000;

/// How long the last storm is, about.
const STORM: Duration = Duration::from_millis(400);
/// Long enough for clean-up to have lost its patience, if it had any to lose.
const LONG_DOWN: Duration = Duration::from_secs(12);

/// Makes one trouble after the other, some of which overlap.
pub(super) async fn make(stage: Stage) {
    for _ in 0..stage.plan.troubles {
        if stage.is_violated() {
            return;
        }
        stage.wait(stage.up_to(Duration::from_millis(500))).await;
        match stage.pick(20) {
            0..=6 => trouble_a_server(&stage),
            7..=15 => trouble_the_network(&stage),
            _ => trouble_a_process(&stage),
        }
    }
}

fn trouble_a_server(stage: &Stage) {
    let index = stage.index(stage.servers.len());
    let Some(server) = stage.servers.get(index).cloned() else { return };
    server.save_sometimes(stage);
    match stage.pick(12) {
        3 | 4 if stage.plan.keeps_data => crash(stage, server, index, Comeback::WithData, Fault::Crash),
        0..=2 => crash(stage, server, index, Comeback::WithData, Fault::Crash),
        3 => crash(stage, server, index, Comeback::Empty, Fault::LoseData),
        4 => crash(stage, server, index, Comeback::FromSnapshot, Fault::OldData),
        5..=7 => {
            server.pause();
            let most = stage.plan.pause;
            passing(stage, Fault::Pause, Place::Server(index), most, move |_| server.resume());
        }
        8 => {
            server.node().flush_scripts();
            server.node().hide_native(stage.once_in(4));
            stage.record(Who::Fate, What::Fault(Fault::ForgetScripts, Place::Server(index)));
        }
        _ => {
            refuse(stage, &server);
            let most = Duration::from_millis(600);
            passing(stage, Fault::Refuse, Place::Server(index), most, move |_| server.node().refuse_none());
        }
    }
}

fn refuse(stage: &Stage, server: &Server) {
    let (code, detail) = REFUSALS.get(stage.index(REFUSALS.len())).copied().unwrap_or_default();
    server.node().refuse_all(ErrorReply::new(code, detail));
}

/// For the last storm: a server soon turns everything away, or within so many times the length of the storm, or goes down
/// for long, and comes back with all it had.
pub(super) fn turn_away(stage: &Stage, storms: u32) {
    let Some(server) = stage.servers.get(stage.index(stage.servers.len())).cloned() else { return };
    let (begin, is_down, stage) = (stage.wait(stage.up_to(STORM * storms)), stage.once_in(4), stage.clone());
    stage.world.clone().spawn(Box::pin(async move {
        begin.await;
        if is_down {
            server.node().stop();
            stage.wait(LONG_DOWN).await;
            return server.node().start();
        }
        refuse(&stage, &server);
        stage.wait(stage.up_to(STORM)).await;
        server.node().refuse_none();
    }));
}

/// A server that loses data stays away until every key is gone that stood there.
fn crash(stage: &Stage, server: Server, index: usize, comeback: Comeback, fault: Fault) {
    server.crash(comeback);
    let place = Place::Server(index);
    if comeback == Comeback::WithData {
        let most = Duration::from_millis(1200);
        return passing(stage, fault, place, most, move |_| server.start());
    }
    stage.record(Who::Fate, What::Fault(fault, place));
    later(stage, fault, place, stage.plan.quarantine, move |stage| stage.readmit(&server));
}

fn trouble_the_network(stage: &Stage) {
    let desks = stage.desks();
    let Some(desk) = desks.get(stage.index(desks.len())) else { return };
    let slow = Weather { delay: stage.plan.slow, ..Weather::default() };
    let (fault, weather) = match stage.pick(9) {
        0 => (Fault::NoConnection, Weather { is_refused: true, ..slow }),
        1 => (Fault::LoseRequests, Weather { requests: Loss::Broken, ..slow }),
        2 => (Fault::LoseRequestsSilently, Weather { requests: Loss::Silent, ..slow }),
        3 => (Fault::LoseReplies, Weather { replies: Loss::Broken, ..slow }),
        4 => (Fault::LoseRepliesSilently, Weather { replies: Loss::Silent, ..slow }),
        5 => return cut_off(stage, desk),
        6 | 7 if stage.plan.repeats => (Fault::Repeat, Weather { repeats: true, ..slow }),
        _ => (Fault::Slow, slow),
    };
    let index = stage.index(desk.paths.len());
    let Some(path) = desk.paths.get(index).cloned() else { return };
    path.set_weather(weather);
    let place = Place::Between(desk.number, index);
    passing(stage, fault, place, Duration::from_millis(1500), move |stage| path.set_weather(stage.calm()));
}

/// Cuts one process off from some of the servers, with or without a sign.
fn cut_off(stage: &Stage, desk: &Desk) {
    let requests = if stage.once_in(2) { Loss::Silent } else { Loss::Broken };
    let cut: Vec<Path> = desk.paths.iter().filter(|_| stage.once_in(2)).cloned().collect();
    cut.iter().for_each(|path| path.set_weather(Weather { requests, ..Weather::default() }));
    let (place, most) = (Place::Process(desk.number), Duration::from_millis(1500));
    passing(stage, Fault::Partition, place, most, move |stage| {
        cut.iter().for_each(|path| path.set_weather(stage.calm()));
    });
}

fn trouble_a_process(stage: &Stage) {
    let desks = stage.desks();
    let index = stage.index(desks.len());
    let Some(Desk { number, process, .. }) = desks.get(index).cloned() else { return };
    let place = Place::Process(number);
    if stage.plan.steps_wall_clocks && stage.once_in(4) {
        process.step_wall_clock(
            STEP_MILLIS - i64::try_from(stage.pick(2 * STEP_MILLIS.unsigned_abs())).unwrap_or(0),
        );
        return stage.record(Who::Fate, What::Fault(Fault::StepClock, place));
    }
    if stage.once_in(4) {
        process.kill();
        stage.record(Who::Fate, What::Fault(Fault::Kill, place));
        return stage.start_process(index, stage.plan.rounds / 2);
    }
    process.stall();
    // Some wake up when their locks are long over.
    let most = if stage.once_in(3) { TTL * 3 / 2 } else { Duration::from_millis(400) };
    passing(stage, Fault::Stall, place, most, move |_| process.resume());
}

/// Records a fault that has begun, and ends it within the time.
fn passing(
    stage: &Stage,
    fault: Fault,
    place: Place,
    most: Duration,
    end: impl FnOnce(&Stage) + Send + 'static,
) {
    stage.record(Who::Fate, What::Fault(fault, place));
    later(stage, fault, place, stage.up_to(most), end);
}

fn later(
    stage: &Stage,
    fault: Fault,
    place: Place,
    after: Duration,
    end: impl FnOnce(&Stage) + Send + 'static,
) {
    let (timer, stage) = (stage.wait(after), stage.clone());
    stage.world.clone().spawn(Box::pin(async move {
        timer.await;
        end(&stage);
        stage.record(Who::Fate, What::Over(fault, place));
    }));
}

impl Server {
    fn save_sometimes(&self, stage: &Stage) {
        if stage.once_in(2) {
            self.save();
        }
    }
}
