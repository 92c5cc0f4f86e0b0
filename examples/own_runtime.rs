//! Locks on an executor that redsync knows nothing of: five methods say what time it is, wait, and run tasks.
//!
//! `cargo run --example own_runtime` has a pool of threads of the `futures` crate, one more thread that rings, and a node in
//! memory.

#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{
    collections::BTreeMap,
    error::Error,
    future::pending,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use futures_channel::oneshot;
use futures_executor::{ThreadPool, block_on};
use redsync_core::{BoxFuture, Moment, Redsync, Runtime};
use redsync_testkit::memory::MemoryNode;

type BoxError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), BoxError> {
    let runtime: Arc<dyn Runtime> = Arc::new(Threads::new()?);
    block_on(play(runtime))
}

async fn play(runtime: Arc<dyn Runtime>) -> Result<(), BoxError> {
    let node = MemoryNode::new(Arc::clone(&runtime));
    let redsync = Redsync::builder(Arc::clone(&runtime)).node(node).build()?;
    let mutex = redsync.mutex("report:7").ttl(Duration::from_secs(1));

    let guard = mutex.lock().await?;
    guard.keep(runtime.sleep_until(runtime.now().plus(Duration::from_millis(2500)))).await?;
    println!("Worked for 2.5 s under a lock of 1 s, which a task of the pool has extended.");
    drop(guard); // released by a task, too
    redsync.settled().await;

    let guard = mutex.lock().await?;
    println!("The next one has it for another {:.0?}.", guard.valid_for());
    println!("Released: {:?}.", guard.release().await?);
    Ok(())
}

// ANCHOR: runtime
/// A pool of threads for tasks, and a thread for timers.
struct Threads {
    pool: ThreadPool,
    alarms: Sender<Alarm>,
    origin: Instant,
}

/// When to ring, and whom to tell.
type Alarm = (Instant, oneshot::Sender<()>);

impl Threads {
    fn new() -> io::Result<Self> {
        let (alarms, set) = channel();
        thread::spawn(move || ring(&set));
        Ok(Self { pool: ThreadPool::new()?, alarms, origin: Instant::now() })
    }
}

impl Runtime for Threads {
    /// Of a clock that should go on while the machine is suspended, as the servers' do. On Linux this one does not: a lock
    /// looks valid after a night's sleep. `CLOCK_BOOTTIME` is better there.
    fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let (rings, rung) = oneshot::channel();
        // There are moments that no clock gets to, such as the end of a pause without end.
        let Some(at) = self.origin.checked_add(at.since_origin()) else { return Box::pin(pending()) };
        let is_set = self.alarms.send((at, rings)).is_ok();
        Box::pin(async move {
            debug_assert!(is_set, "the thread ends after this");
            let _ = rung.await;
        })
    }

    /// It is called from destructors, and neither blocks nor panics.
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.pool.spawn_ok(task);
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Values of locks are made of it, so nobody may be able to guess it.
    fn random(&self) -> u64 {
        rand::random()
    }
}
// ANCHOR_END: runtime

/// Tells each when its time has come, until nobody can set an alarm any more.
fn ring(set: &Receiver<Alarm>) {
    let mut alarms = BTreeMap::<(Instant, u64), oneshot::Sender<()>>::new();
    for number in 0.. {
        let now = Instant::now();
        while let Some(due) = alarms.first_entry().filter(|first| first.key().0 <= now) {
            let _ = due.remove().send(());
        }
        let next = alarms.first_key_value().map_or(Duration::MAX, |((at, _), _)| at.duration_since(now));
        match set.recv_timeout(next) {
            Ok((at, rings)) => _ = alarms.insert((at, number), rings),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
