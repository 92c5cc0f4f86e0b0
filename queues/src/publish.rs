//! [`Desk`]: takes the lock of a job and hands it over with the job, again and again until it is certain.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redsync_core::{ErrorKind, Guard, Redsync};
use redsync_queue::{HandOverError, hand_over};
use tokio::time::sleep;

use crate::{
    Failure, What,
    broker::Address,
    history::{Job, Log},
    outbox::Outbox,
};

/// How long a job may wait in the queue.
pub(crate) const WAIT: Duration = Duration::from_secs(300);
const TRIES_WITHIN: Duration = Duration::from_secs(300);
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// Often enough for a name to be busy, and seldom enough for many of them to leave the servers alone.
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// Where jobs come from. Clones are the same.
#[derive(Clone)]
pub(crate) struct Desk {
    redsync: Redsync,
    outbox: Arc<Outbox>,
    log: Arc<Log>,
    ttl: Duration,
}

/// Whether a job was handed over.
pub(crate) type HandedOver = Result<(), HandOverError<Failure>>;

impl Desk {
    pub(crate) fn new(redsync: Redsync, address: Address, log: Log, ttl: Duration) -> Self {
        let outbox = Arc::new(Outbox::new(address, Arc::clone(redsync.runtime())));
        Self { redsync, outbox, log: Arc::new(log), ttl }
    }

    /// Connects, so that what is measured or cut next is the publishing.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        self.outbox.open().await
    }

    /// Publishes a job once it has its lock. Where nobody knows whether it was published, it is published again.
    pub(crate) async fn publish(&self, job: &Job) -> Result<(), Failure> {
        let deadline = Instant::now() + TRIES_WITHIN;
        loop {
            let guard = self.lock(job).await?;
            let error = match self.hand_over(guard, WAIT, job).await? {
                Ok(()) => return Ok(()),
                // A worker has it.
                Err(
                    HandOverError::Unknown { lock: Err(why), .. } | HandOverError::Unheard { lock: Err(why) },
                ) if why.kind() == ErrorKind::AlreadyAdopted => {
                    return Ok(());
                }
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                return Err(format!("a job was not published within {TRIES_WITHIN:?}: {error}").into());
            }
            sleep(RETRY_AFTER).await;
        }
    }

    /// The lock of a job, as soon as nobody else has it.
    pub(crate) async fn lock(&self, job: &Job) -> Result<Guard, Failure> {
        let mutex = self.redsync.mutex(job.name.as_str()).ttl(self.ttl).retry_delay(LOCK_RETRY);
        let deadline = Instant::now() + TRIES_WITHIN;
        loop {
            match mutex.lock().await {
                Ok(guard) => return Ok(guard),
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                // The pauses are the mutex's own.
                Err(_) => {}
            }
        }
    }

    /// Hands a lock over with its job, and notes what came of it.
    pub(crate) async fn hand_over(
        &self,
        guard: Guard,
        wait: Duration,
        job: &Job,
    ) -> Result<HandedOver, Failure> {
        let handed_over = hand_over(guard, wait, |token| self.outbox.publish(token, job)).await;
        match &handed_over {
            Ok(()) => self.log.note(What::Published, job, "")?,
            Err(error) => self.log.note(What::Unpublished, job, &error.to_string())?,
        }
        Ok(handed_over)
    }
}
