//! [`VirtualRuntime`]: a [`Runtime`] whose clock moves only when a test lets it.

mod executor;
mod random;
mod sleep;
mod timers;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use redsync_core::{BoxFuture, Moment, Runtime};

use self::{
    executor::{Executor, Handle},
    random::SplitMix64,
    sleep::Sleep,
    timers::Timers,
};

/// Where the clock starts. Not at zero, so that arithmetic which saturates there by mistake is found.
const START: Moment = Moment::from_origin(Duration::from_secs(1_000));

/// What the wall clock shows at the origin of the monotonic one, counted from 1970.
const WALL_CLOCK_AT_ORIGIN: Duration = Duration::from_secs(1_700_000_000);

/// How often tasks are polled at one moment before they are taken for an endless loop.
const MAX_POLLS_AT_ONE_MOMENT: u32 = 1_000_000;

/// A virtual clock with its timers, tasks and random bits: the same seed gives the same run.
///
/// Nothing sleeps for real: when no task can go on, the clock jumps to the next timer. Tasks run on the
/// thread that calls [`block_on`](Self::block_on), [`run_for`](Self::run_for) or
/// [`run_until_idle`](Self::run_until_idle), one at a time, in the order in which they were woken, or with
/// [`shuffled`](Self::shuffled) in one that the seed decides. Clones share everything.
///
/// ```
/// use std::time::Duration;
/// use redsync_core::Runtime;
/// use redsync_testkit::virtual_time::VirtualRuntime;
///
/// let runtime = VirtualRuntime::new(7);
/// let start = runtime.now();
/// let slept = runtime.block_on(async {
///     runtime.sleep_until(start.plus(Duration::from_secs(3600))).await;
///     runtime.now().since(start)
/// });
/// assert_eq!(slept, Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct VirtualRuntime {
    inner: Arc<Inner>,
}

struct Inner {
    executor: Executor,
    clock: Mutex<Clock>,
    random: Mutex<SplitMix64>,
}

/// The time and what waits for it.
struct Clock {
    now: Moment,
    timers: Timers,
}

impl VirtualRuntime {
    /// A runtime without tasks, whose random bits follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let clock = Clock { now: START, timers: Timers::default() };
        Self {
            inner: Arc::new(Inner {
                executor: Executor::default(),
                clock: Mutex::new(clock),
                random: Mutex::new(SplitMix64::new(seed)),
            }),
        }
    }

    /// Like [`new`](Self::new), with tasks that can go on at the same moment polled in an order that follows from
    /// `seed` as well, as threads would be.
    pub fn shuffled(seed: u64) -> Self {
        let runtime = Self::new(seed);
        runtime.inner.executor.shuffle(seed);
        runtime
    }

    /// This runtime as the trait object that most constructors ask for.
    pub fn shared(&self) -> Arc<dyn Runtime> {
        Arc::new(self.clone())
    }

    /// Runs `future` to its end, and the spawned tasks beside it.
    ///
    /// Tasks that have not ended by then stay where they are until the next call that runs tasks.
    ///
    /// # Panics
    ///
    /// When nothing can ever go on: no task was woken and no timer is set. Also when tasks keep waking each
    /// other while the clock stands still, when a task panics, and when called from inside a task.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let executor = &self.inner.executor;
        let _running = executor.enter();
        let mut future = pin!(future);
        let main = executor.ready_handle();
        let waker = Waker::from(Arc::clone(&main));
        let output = self.inner.run(None, |task| {
            if !task.is(&main) {
                executor.poll(task);
                return Poll::Pending;
            }
            future.as_mut().poll(&mut Context::from_waker(&waker))
        });
        output.unwrap_or_else(|| deadlock(self.tasks_alive()))
    }

    /// Runs the spawned tasks for `duration` of virtual time, timer by timer, and leaves the clock there.
    ///
    /// # Panics
    ///
    /// When tasks keep waking each other while the clock stands still, when a task panics, and when called
    /// from inside a task.
    pub fn run_for(&self, duration: Duration) {
        let until = self.now().plus(duration);
        self.run_until(until);
        self.advance(until.since(self.now()));
    }

    /// Runs the spawned tasks, timer by timer, until they have ended or wait for something that is no timer,
    /// or until the next timer lies more than `bound` ahead of now. Returns how many tasks are left.
    ///
    /// # Panics
    ///
    /// As [`run_for`](Self::run_for).
    pub fn run_until_idle(&self, bound: Duration) -> usize {
        self.run_until(self.now().plus(bound));
        self.tasks_alive()
    }

    /// Moves the clock by `duration` in one jump, as a machine's that was suspended, and wakes what waited
    /// for a moment on the way.
    ///
    /// It runs no task, so it may be called inside one. [`run_for`](Self::run_for) gives every task its turn
    /// at the right moment instead.
    pub fn advance(&self, duration: Duration) {
        let to = self.now().plus(duration);
        self.inner.advance_to(to);
    }

    /// How many spawned tasks have not ended, not counting the one that asks.
    pub fn tasks_alive(&self) -> usize {
        self.inner.executor.tasks_alive()
    }

    /// Drops every task that has not ended, as the end of a process does, except the one that calls this.
    ///
    /// A task that holds a clone of its runtime keeps both in memory. A program that makes many runtimes
    /// ends each of them with this.
    pub fn drop_tasks(&self) {
        self.inner.executor.drop_tasks();
    }

    fn run_until(&self, until: Moment) {
        let executor = &self.inner.executor;
        let _running = executor.enter();
        self.inner.run(Some(until), |task| {
            executor.poll(task);
            Poll::<()>::Pending
        });
    }
}

impl Runtime for VirtualRuntime {
    fn now(&self) -> Moment {
        self.inner.clock().now
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        Box::pin(Sleep::new(Arc::clone(&self.inner), at))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.inner.executor.spawn(task);
    }

    fn wall_clock(&self) -> SystemTime {
        let since_1970 = WALL_CLOCK_AT_ORIGIN.saturating_add(self.now().since_origin());
        // Only a clock that was moved by billions of years is beyond what a `SystemTime` can be.
        UNIX_EPOCH.checked_add(since_1970).unwrap_or(UNIX_EPOCH)
    }

    fn random(&self) -> u64 {
        lock(&self.inner.random).next()
    }
}

impl fmt::Debug for VirtualRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, tasks) = (self.now().since_origin(), self.tasks_alive());
        f.debug_struct("VirtualRuntime")
            .field("now", &now)
            .field("tasks_alive", &tasks)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn clock(&self) -> MutexGuard<'_, Clock> {
        lock(&self.clock)
    }

    /// Hands what can go on to `poll`, timer by timer, until that is ready or nothing is left up to `until`.
    fn run<T>(&self, until: Option<Moment>, mut poll: impl FnMut(&Arc<Handle>) -> Poll<T>) -> Option<T> {
        let mut polls = 0;
        loop {
            if let Some(task) = self.executor.next_ready() {
                count_poll(&mut polls);
                if let Poll::Ready(output) = poll(&task) {
                    return Some(output);
                }
            } else if self.fire_next_timer(until) {
                polls = 0;
            } else {
                return None;
            }
        }
    }

    /// Moves the clock to the next timer and wakes what waits there; `false` if there is none up to `until`.
    fn fire_next_timer(&self, until: Option<Moment>) -> bool {
        let Some(at) = self.clock().timers.next_deadline() else { return false };
        if until.is_some_and(|until| until < at) {
            return false;
        }
        self.advance_to(at);
        true
    }

    fn advance_to(&self, to: Moment) {
        let mut clock = self.clock();
        clock.now = clock.now.max(to);
        let now = clock.now;
        let due = clock.timers.take_due(now);
        drop(clock);
        due.into_iter().for_each(Waker::wake);
    }
}

/// What another thread's panic left behind is still whole: no lock is held while foreign code runs.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::panic, reason = "documented: the test would never end")]
fn deadlock(tasks: usize) -> ! {
    panic!("deadlock: the future waits, no task of {tasks} can go on and no timer is set");
}

#[expect(clippy::panic, reason = "documented: the test would never end")]
fn count_poll(polls: &mut u32) {
    *polls += 1;
    if *polls > MAX_POLLS_AT_ONE_MOMENT {
        panic!("livelock: {MAX_POLLS_AT_ONE_MOMENT} polls while the clock stood still");
    }
}
