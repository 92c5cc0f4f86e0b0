//! Measures how late `guard.lost()` resolves: on an idle machine, beside busy threads, and beside busy tasks.
//!
//! `cargo run --release --example lateness` holds 1,000 locks on a node that hangs; another number can be named. What
//! it prints as the most is what `loss_margin` has to cover beside the time that work needs to stop.

#![expect(clippy::print_stdout, reason = "it tells what it measured")]

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use redsync_redis_rs::{Guard, Redsync, runtime};
use redsync_testkit::memory::MemoryNode;
use tokio::task::JoinSet;

type BoxError = Box<dyn Error + Send + Sync>;

const TTL: Duration = Duration::from_secs(4);
const MARGIN: Duration = Duration::from_millis(200);
/// How many busy threads, and how many busy tasks, there are for each processor.
const BUSY: usize = 4;
/// How long a busy task computes before it lets others have their turn.
const TURN: Duration = Duration::from_millis(1);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let locks = env::args().nth(1).map_or(Ok(1_000), |text| text.parse())?;
    let processors = thread::available_parallelism()?.get();
    println!("How late lost() resolves, by {locks} locks on {processors} processors:");
    measure("idle", locks, |_| {}).await?;
    let threads = |busy: &Arc<AtomicBool>| {
        for _ in 0..processors * BUSY {
            let busy = Arc::clone(busy);
            thread::spawn(move || while busy.load(Ordering::Relaxed) {});
        }
    };
    measure(&format!("{} busy threads", processors * BUSY), locks, threads).await?;
    let tasks = |busy: &Arc<AtomicBool>| {
        for _ in 0..processors * BUSY {
            tokio::spawn(take_turns(Arc::clone(busy)));
        }
    };
    measure(&format!("{} busy tasks", processors * BUSY), locks, tasks).await
}

/// Takes so many locks, lets their node hang, puts the machine under load, and waits for all of them to be lost.
async fn measure(what: &str, locks: usize, load: impl FnOnce(&Arc<AtomicBool>)) -> Result<(), BoxError> {
    let runtime = runtime::locate()?;
    let node = MemoryNode::new(runtime.clone());
    let redsync = Redsync::builder(runtime).node(node.clone()).build()?;
    let mut waiting = JoinSet::new();
    for index in 0..locks {
        let mutex = redsync.mutex(format!("lock:{index}")).ttl(TTL).loss_margin(MARGIN).auto_extend(true);
        waiting.spawn(lateness(mutex.lock().await?));
    }
    node.pause();
    let busy = Arc::new(AtomicBool::new(true));
    load(&busy);
    let mut late = waiting.join_all().await;
    busy.store(false, Ordering::Relaxed);
    late.sort();
    let at = |part: usize| late.get((late.len() * part / 100).min(late.len().saturating_sub(1))).copied();
    let [median, most_of_them, most] = [50, 99, 100].map(|part| at(part).unwrap_or_default());
    println!("{what:>16}: median {median:.1?}, 99 % within {most_of_them:.1?}, most {most:.1?}");
    Ok(())
}

/// How much later than due the loss is told.
async fn lateness(guard: Guard) -> Duration {
    let due = Instant::now() + guard.valid_for().saturating_sub(MARGIN);
    guard.lost().await;
    let late = Instant::now().saturating_duration_since(due);
    guard.leave();
    late
}

async fn take_turns(busy: Arc<AtomicBool>) {
    while busy.load(Ordering::Relaxed) {
        let begun = Instant::now();
        while begun.elapsed() < TURN {}
        tokio::task::yield_now().await;
    }
}
