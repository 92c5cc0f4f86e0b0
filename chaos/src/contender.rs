//! A contender: a process whose tasks take locks, update shared files under them, and write down what they see.

mod attempt;
mod diary;

use std::{
    io::{self, Read},
    sync::{Arc, atomic::AtomicU64},
    thread,
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use redsync_core::Redsync;
use tokio::{sync::watch, task::JoinSet, time};

use crate::{
    Failure,
    log::Log,
    terms::{self, Orders, TTL},
};
use attempt::Contest;

/// Bounds the pause between two attempts of a task.
const PAUSE: std::ops::Range<u64> = 0..40;

/// Contends until stdin is closed, which the end of the conductor does as well.
pub(crate) fn run(orders: Orders) -> Result<(), Failure> {
    die_with_the_conductor()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(contend(orders))
}

/// A contender that is stopped would not see that its stdin is closed.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn die_with_the_conductor() -> io::Result<()> {
    use rustix::process::{Signal, set_parent_process_death_signal};
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn die_with_the_conductor() -> io::Result<()> {
    Ok(())
}

async fn contend(orders: Orders) -> Result<(), Failure> {
    let ending = until_stdin_is_closed();
    let driver = terms::driver(&orders.driver)?;
    let redsync = driver.connect(orders.urls.clone()).await.map_err(|error| error.to_string())?;
    let log = Arc::new(Log::open(&orders.dir, orders.who)?);
    let attempts = Arc::new(AtomicU64::default());
    let mut tasks = JoinSet::new();
    for task in 0..orders.tasks {
        let contest = Contest::new(&orders, task, redsync.clone(), Arc::clone(&log), Arc::clone(&attempts));
        let seed = orders.seed ^ (u64::from(orders.who) << 32) ^ u64::from(task);
        tasks.spawn(work(contest?, StdRng::seed_from_u64(seed), ending.clone()));
    }
    while let Some(result) = tasks.join_next().await {
        result??;
    }
    leave(&redsync).await;
    Ok(())
}

async fn work(contest: Contest, mut rng: StdRng, ending: watch::Receiver<bool>) -> Result<(), Failure> {
    while !*ending.borrow() {
        contest.attempt(&mut rng).await?;
        time::sleep(Duration::from_millis(rng.random_range(PAUSE))).await;
    }
    Ok(())
}

/// Waits for what goes on in the background. After a TTL all that is left has gone by itself.
async fn leave(redsync: &Redsync) {
    let _ = time::timeout(TTL, redsync.shutdown()).await;
}

fn until_stdin_is_closed() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    thread::spawn(move || {
        // Nothing is ever written there, and an error is as good an end.
        let _ = io::stdin().read(&mut [0]);
        let _ = sender.send(true);
    });
    receiver
}
