//! The token of a job expires while the job waits: by default nobody works on it, and with `LockAnew` somebody does.

use std::{path::Path, time::Duration};

use super::{Play, SHORT_TTL, SOON};
use crate::{Broker, Failure, Report, What, check::Done, worker::Manner};

const JOBS: usize = 5;
const WAIT: Duration = Duration::from_millis(300);

pub(super) async fn play(broker: Broker, program: &Path) -> Result<Report, Failure> {
    let mut report = left_alone(Play::start(broker, program, true, SHORT_TTL).await?).await?;
    let anew = locked_anew(Play::start(broker, program, true, SHORT_TTL).await?).await?;
    report.jobs += anew.jobs;
    report.executions += anew.executions;
    report.redeliveries += anew.redeliveries;
    report.dead_letters += anew.dead_letters;
    report.time += anew.time;
    report.violations.extend(anew.violations);
    Ok(report)
}

async fn left_alone(mut play: Play) -> Result<Report, Failure> {
    let_expire(&mut play).await?;
    play.crew.hire(1, Manner::Plain)?;
    play.wait_for(What::Refused, JOBS).await?;
    let mut report = play.finish(Done::Never, Manner::Plain).await?;
    if report.dead_letters != u64::try_from(JOBS)? {
        report.violations.push(format!("{JOBS} dead letters were expected: {report:?}"));
    }
    Ok(report)
}

async fn locked_anew(mut play: Play) -> Result<Report, Failure> {
    let_expire(&mut play).await?;
    let worker = play.crew.hire(1, Manner::LocksAnew)?;
    let mut violations = Vec::new();
    for number in 1..=JOBS {
        play.wait_for(What::Begin, number).await?;
        if number == 1 {
            violations.extend(without_lock(&play, &worker)?);
        }
    }
    play.wait_for(What::End, JOBS).await?;
    let mut report = play.finish(Done::Once, Manner::LocksAnew).await?;
    report.violations.extend(violations);
    Ok(report)
}

/// Stops nobody: a job takes longer than it takes to look.
fn without_lock(play: &Play, worker: &[u32]) -> Result<Option<String>, Failure> {
    let held = play.stage.held()?;
    let begun = play.history.entries.iter().rfind(|entry| entry.what == What::Begin);
    let is_locked = begun.is_some_and(|entry| held.contains(&entry.name));
    Ok((!is_locked).then(|| format!("{worker:?} works without a lock; there are {held:?}")))
}

/// Publishes jobs whose locks have ended when this returns.
async fn let_expire(play: &mut Play) -> Result<(), Failure> {
    for job in play.jobs(JOBS) {
        let guard = play.desk.lock(&job).await?;
        play.desk.hand_over(guard, WAIT, &job).await?.map_err(|error| error.to_string())?;
    }
    play.stage.wait_until_free(SOON).await
}
