//! The connection is cut while a job is published, so that nobody knows whether it was.
//!
//! Who has the lock after that notes the job as begun and as ended, be it a worker or this process, so that the history
//! shows whether it was ever both. That a worker is at a job, or that the lock came back, is awaited; the moment of the cut
//! is drawn.

use std::{future::Future, pin::pin, time::Duration};

use redsync_core::Guard;
use redsync_queue::HandOverError;
use tokio::time::{sleep, timeout};

use super::{Play, SOON};
use crate::{
    Failure, Report, What,
    check::Done,
    history::{Job, Log},
    publish::{Desk, HandedOver, WAIT},
    server::Proxy,
    trouble::Trouble,
    worker::Manner,
};

const CUTS: usize = 3;
const RACES: usize = 20;
const WORKERS: usize = 3;
/// The longest time from the beginning of a publishing to the cut.
const RACE_MS: u64 = 20;

/// The locks' TTL: longer than what it takes until a publishing has failed.
pub(super) const TTL: Duration = Duration::from_secs(6);

pub(super) async fn play(mut play: Play) -> Result<Report, Failure> {
    let stage = &play.stage;
    let trouble = Trouble::before(stage.address.broker, stage.broker_port()).await?;
    let log = Log::open(&stage.history())?;
    let address = stage.address_by(trouble.port());
    let desk = Desk::new(play.redsync.clone(), address, Log::open(&stage.history())?, stage.ttl);
    let mut held = Vec::new();
    for number in 0..2 * CUTS {
        held.push(nobody_is_there(&mut play, &trouble, &desk, number < CUTS, &log).await?);
        for (guard, _) in &held {
            guard.extend().await?;
        }
    }
    play.crew.hire(WORKERS, Manner::Plain)?;
    // Those that were stored are delivered, and nobody is let in while this process has their locks.
    play.wait_for(What::Refused, CUTS).await?;
    for (guard, job) in held {
        end(&log, guard, &job).await?;
    }
    // The proxy for Redis cuts as soon as the reply is there, and a worker needs longer.
    let patient = Trouble::Bytes(Proxy::start(play.stage.broker_port()).await?);
    let address = play.stage.address_by(patient.port());
    let behind = Desk::new(play.redsync.clone(), address, Log::open(&play.stage.history())?, play.stage.ttl);
    for _ in 0..CUTS {
        a_worker_was_faster(&mut play, &patient, &behind).await?;
    }
    for _ in 0..RACES {
        race(&mut play, &trouble, &desk, &log).await?;
    }
    let count = play.jobs.len();
    play.wait_for(What::End, count).await?;
    play.finish(Done::AtLeastOnce, Manner::Plain).await
}

/// The message got there or did not, and no worker is there: the lock comes back in either case.
async fn nobody_is_there(
    play: &mut Play,
    trouble: &Trouble,
    desk: &Desk,
    is_stored: bool,
    log: &Log,
) -> Result<(Guard, Job), Failure> {
    let job = one(play);
    desk.open().await?;
    let stored = play.stage.left().await?.messages;
    if is_stored {
        trouble.lose_replies();
    } else {
        trouble.lose_requests();
    }
    let cut = async {
        if is_stored {
            stored_more(play, stored).await?;
        } else {
            // Nothing tells that something is on its way to nowhere; whenever the cut comes, the outcome is the same.
            sleep(Duration::from_millis(RACE_MS)).await;
        }
        trouble.cut();
        Ok(())
    };
    match publish(desk, &job, cut).await? {
        Err(HandOverError::Unknown { lock: Ok(guard), .. }) => {
            log.note(What::Begin, &job, "")?;
            Ok((guard, job))
        }
        other => Err(format!("the lock was to come back: {other:?}").into()),
    }
}

async fn stored_more(play: &Play, than: u64) -> Result<(), Failure> {
    let stored = async {
        while play.stage.left().await?.messages <= than {
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    timeout(SOON, stored).await?
}

/// A worker has the lock before this process hears that publishing has failed.
async fn a_worker_was_faster(play: &mut Play, trouble: &Trouble, desk: &Desk) -> Result<(), Failure> {
    let job = one(play);
    desk.open().await?;
    trouble.lose_replies();
    let cut = async {
        play.history
            .wait("a worker begins the job", SOON, |entries| {
                entries.iter().any(|entry| entry.what == What::Begin && entry.job == job.id)
            })
            .await?;
        trouble.cut();
        Ok(())
    };
    match publish(desk, &job, cut).await? {
        Err(HandOverError::Unknown { lock: Err(_), .. }) => Ok(()),
        other => Err(format!("a worker was to have the lock: {other:?}").into()),
    }
}

/// Whoever gets the lock does the job; where that is nobody, it is published again.
async fn race(play: &mut Play, trouble: &Trouble, desk: &Desk, log: &Log) -> Result<(), Failure> {
    let job = one(play);
    desk.open().await?;
    let cut = async {
        sleep(Duration::from_millis(rand::random_range(0..RACE_MS))).await;
        trouble.cut();
        Ok(())
    };
    match publish(desk, &job, cut).await? {
        Ok(()) | Err(HandOverError::Unknown { lock: Err(_), .. }) => Ok(()),
        Err(
            HandOverError::Unknown { lock: Ok(guard), .. }
            | HandOverError::NotPublished { lock: Ok(guard), .. },
        ) => {
            log.note(What::Begin, &job, "")?;
            end(log, guard, &job).await
        }
        other @ Err(
            HandOverError::NotHandedOver(_)
            | HandOverError::NotPublished { .. }
            | HandOverError::Unheard { .. },
        ) => Err(format!("the servers of the locks and the broker are there: {other:?}").into()),
    }
}

/// Publishes while this happens, or until it has failed before.
async fn publish(
    desk: &Desk,
    job: &Job,
    meanwhile: impl Future<Output = Result<(), Failure>>,
) -> Result<HandedOver, Failure> {
    let guard = desk.lock(job).await?;
    let mut published = pin!(desk.hand_over(guard, WAIT, job));
    let all = async {
        tokio::select! {
            published = &mut published => return published,
            happened = meanwhile => happened?,
        }
        published.await
    };
    timeout(SOON, all).await?
}

fn one(play: &mut Play) -> Job {
    let number = play.jobs.len();
    let job = Job { id: format!("job-{number}"), name: format!("name-{number}") };
    play.expect(&job);
    job
}

/// Does a job in this process.
async fn end(log: &Log, guard: Guard, job: &Job) -> Result<(), Failure> {
    if !guard.is_valid() {
        log.note(What::Stopped, job, "")?;
        return Err(format!("the lock of {} was lost meanwhile", job.id).into());
    }
    log.note(What::End, job, "")?;
    guard.release().await.map_err(|error| error.to_string())?;
    Ok(())
}
