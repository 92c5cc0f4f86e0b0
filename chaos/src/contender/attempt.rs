//! One attempt at a lock, from the call that takes it to the one that gives it back.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, rngs::StdRng};
use redsync_core::{Delay, Error, Guard, Mutex, Redsync};
use tokio::time;

use super::diary::Diary;
use crate::{
    Failure,
    ledger::{Ledger, Record},
    log::{Call, Event, Log},
    terms::{DEADLINE, LOCKS, MARGIN, Orders, TTL, Values},
};

/// Is what a task needs for its attempts.
pub(super) struct Contest {
    who: u32,
    /// Is what the task calls itself in values.
    label: String,
    /// Is its fixed value.
    fixed: String,
    /// Whether locks with a fixed value may be released by it.
    unlocks: bool,
    redsync: Redsync,
    log: Arc<Log>,
    ledgers: BTreeMap<&'static str, Ledger>,
    attempts: Arc<AtomicU64>,
}

impl Contest {
    pub(super) fn new(
        orders: &Orders,
        task: u32,
        redsync: Redsync,
        log: Arc<Log>,
        attempts: Arc<AtomicU64>,
    ) -> Result<Self, Failure> {
        let open = |(name, _)| Ledger::open(&orders.dir, name).map(|ledger| (name, ledger));
        let ledgers = LOCKS.into_iter().map(open).collect::<Result<_, _>>()?;
        let label = format!("contender-{}-{task}", orders.who);
        let fixed = if orders.same_value { "everybody".to_owned() } else { label.clone() };
        // A release by value asks every node, and cannot tell a rival's key there from one of our own.
        let unlocks = !orders.same_value;
        Ok(Self { who: orders.who, label, fixed, unlocks, redsync, log, ledgers, attempts })
    }

    /// Tries to take one of the locks, and does with it what chance wants.
    pub(super) async fn attempt(&self, rng: &mut StdRng) -> Result<(), Failure> {
        let Some(&(name, values)) = LOCKS.get(rng.random_range(0..LOCKS.len())) else { return Ok(()) };
        let mutex = self.mutex(name, values);
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let diary = Diary { log: &self.log, attempt, name };
        if let Some(guard) = take(&mutex, &diary, rng).await? {
            self.work(&guard, &diary, rng).await?;
            let by_value = self.unlocks && values == Values::Fixed;
            give_back(&mutex, guard, by_value, &diary, rng).await?;
        }
        Ok(())
    }

    fn mutex(&self, name: &str, values: Values) -> Mutex {
        let delay = Delay::Between(Duration::from_millis(5), Duration::from_millis(60));
        let mutex = self.redsync.mutex(name).ttl(TTL).deadline(DEADLINE).tries(100).retry_delay(delay);
        match values {
            Values::Generated => mutex,
            Values::Labelled => mutex.label(&*self.label),
            Values::Fixed => mutex.with_value(&*self.fixed),
        }
    }

    /// Updates the ledger, mostly at once, sometimes after having extended the lock for a while.
    async fn work(&self, guard: &Guard, diary: &Diary<'_>, rng: &mut StdRng) -> Result<(), Failure> {
        let extensions = if rng.random_ratio(1, 8) { rng.random_range(1..=3) } else { 0 };
        for _ in 0..extensions {
            extend(guard, diary).await?;
            time::sleep(Duration::from_millis(rng.random_range(0..250))).await;
        }
        self.update(guard, diary, rng).await
    }

    /// Reads, waits, looks at the guard once more, and writes.
    async fn update(&self, guard: &Guard, diary: &Diary<'_>, rng: &mut StdRng) -> Result<(), Failure> {
        let Some(ledger) = self.ledgers.get(diary.name) else { return Ok(()) };
        let (seen, counter) = ledger.look()?;
        let thinks = if rng.random_ratio(1, 10) { 20..150 } else { 0..3 };
        time::sleep(Duration::from_millis(rng.random_range(thinks))).await;
        if guard.valid_for() < MARGIN {
            return Ok(diary.note(Event::Skipped)?);
        }
        ledger.append(Record { seen, counter: counter + 1, who: self.who, attempt: diary.attempt })?;
        Ok(diary.note(Event::Wrote { seen })?)
    }
}

async fn take(mutex: &Mutex, diary: &Diary<'_>, rng: &mut StdRng) -> Result<Option<Guard>, Failure> {
    let Some(result) = ask(mutex, diary, rng).await? else {
        diary.note(Event::Dropped)?;
        return Ok(None);
    };
    match &result {
        Ok(guard) => diary.locked(guard)?,
        Err(error) => diary.failed(error)?,
    }
    Ok(result.ok())
}

/// Calls for the lock; nothing when the call was dropped before it returned.
async fn ask(
    mutex: &Mutex,
    diary: &Diary<'_>,
    rng: &mut StdRng,
) -> Result<Option<Result<Guard, Error>>, Failure> {
    Ok(match rng.random_range(0..20) {
        0..4 => {
            diary.began(Call::TryLock)?;
            Some(mutex.try_lock().await)
        }
        4..7 => {
            diary.began(Call::LockToDrop)?;
            let patience = Duration::from_micros(rng.random_range(0..8000));
            time::timeout(patience, mutex.lock()).await.ok()
        }
        _ => {
            diary.began(Call::Lock)?;
            Some(mutex.lock().await)
        }
    })
}

async fn extend(guard: &Guard, diary: &Diary<'_>) -> Result<(), Failure> {
    diary.began(Call::Extend)?;
    match guard.extend().await {
        Ok(()) => diary.extended(guard)?,
        Err(error) => diary.failed(&error)?,
    }
    Ok(())
}

async fn give_back(
    mutex: &Mutex,
    guard: Guard,
    by_value: bool,
    diary: &Diary<'_>,
    rng: &mut StdRng,
) -> Result<(), Failure> {
    match rng.random_range(0..100) {
        0..10 => {
            diary.began(Call::Drop)?;
            drop(guard);
            diary.note(Event::Dropped)?;
        }
        // Rare, since nobody gets the lock before its TTL is over.
        10 => {
            diary.began(Call::Leave)?;
            guard.leave();
            diary.note(Event::Dropped)?;
        }
        // By value only what is certainly held: whatever has been done under this value since would be undone.
        11..25 if by_value && guard.valid_for() > DEADLINE => {
            guard.leave();
            unlock(mutex, diary).await?;
        }
        _ => release(guard, diary).await?,
    }
    Ok(())
}

async fn unlock(mutex: &Mutex, diary: &Diary<'_>) -> Result<(), Failure> {
    diary.began(Call::Unlock)?;
    match mutex.unlock().await {
        Ok(released) => diary.released(released)?,
        Err(error) => diary.failed(&error)?,
    }
    Ok(())
}

/// A release that failed gives the guard back to be tried again, and goes on in the background when that is dropped.
async fn release(guard: Guard, diary: &Diary<'_>) -> Result<(), Failure> {
    if let Some(guard) = release_once(guard, diary).await? {
        drop(release_once(guard, diary).await?);
    }
    Ok(())
}

async fn release_once(guard: Guard, diary: &Diary<'_>) -> Result<Option<Guard>, Failure> {
    diary.began(Call::Release)?;
    match guard.release().await {
        Ok(released) => {
            diary.released(released)?;
            Ok(None)
        }
        Err(error) => {
            diary.failed(error.error())?;
            Ok(Some(error.into_guard()))
        }
    }
}
