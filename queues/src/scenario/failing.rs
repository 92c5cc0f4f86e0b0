//! Each job fails when it is tried first, and is done when it comes again with its lock.

use super::Play;
use crate::{Failure, Report, What, check::Done, worker::Manner};

const JOBS: usize = 20;
const WORKERS: usize = 3;

pub(super) async fn play(mut play: Play) -> Result<Report, Failure> {
    play.crew.hire(WORKERS, Manner::FailsFirst)?;
    play.publish(JOBS).await?;
    play.wait_for(What::End, JOBS).await?;
    let mut report = play.finish(Done::AtLeastOnce, Manner::FailsFirst).await?;
    // No lock is taken anew here, so that the second try is by the token that was handed back.
    let is_well = report.executions == 2 * JOBS && report.redeliveries >= JOBS && report.dead_letters == 0;
    if !is_well {
        report.violations.push(format!("each job was to be tried twice: {report:?}"));
    }
    Ok(report)
}
