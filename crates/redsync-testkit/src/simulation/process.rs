//! [`Process`]: a process with its clock and tasks, which can be stalled and killed.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use redsync_core::{BoxFuture, Moment, Runtime};

use super::clock::Clock;
use crate::virtual_time::lock;

/// A process: a [`Runtime`] whose clock runs at its own rate, and whose tasks stop when it is stalled or killed.
///
/// Clones are further handles to the same process.
#[derive(Clone)]
pub struct Process {
    clock: Clock,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Since when, by the world's clock.
    stalled_since: Option<Moment>,
    stalled_for: Duration,
    is_killed: bool,
    /// How many milliseconds its wall clock was set forward by, or back.
    stepped: i64,
    tasks_so_far: u64,
    /// By task; what to wake when the process goes on or ends.
    wakers: BTreeMap<u64, Waker>,
}

impl Process {
    /// A running process without tasks.
    pub fn new(clock: Clock) -> Self {
        Self { clock, shared: Arc::default() }
    }

    /// The process as the trait object that most constructors ask for.
    pub fn shared(&self) -> Arc<dyn Runtime> {
        Arc::new(self.clone())
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Stops the process where it is, as `SIGSTOP` or a long pause for garbage collection does: no task goes on,
    /// while its clock and what it sent do.
    pub fn stall(&self) {
        let now = self.clock.world().now();
        lock(&self.shared).stalled_since.get_or_insert(now);
    }

    /// Lets a stalled process go on.
    pub fn resume(&self) {
        let now = self.clock.world().now();
        let mut shared = lock(&self.shared);
        if let Some(since) = shared.stalled_since.take() {
            shared.stalled_for += now.since(since);
        }
        drop(shared);
        self.wake_all();
    }

    /// Sets its wall clock forward by so many milliseconds, or back, as its administrator may do. The clock that its
    /// timers go by stays as it is.
    pub fn step_wall_clock(&self, millis: i64) {
        let mut shared = lock(&self.shared);
        shared.stepped = shared.stepped.saturating_add(millis);
    }

    /// Ends the process: its tasks are dropped, and nothing that they would do on their way out is done. What it
    /// has sent is on its way.
    pub fn kill(&self) {
        lock(&self.shared).is_killed = true;
        self.wake_all();
    }

    /// Whether it was killed.
    pub fn is_killed(&self) -> bool {
        lock(&self.shared).is_killed
    }

    /// How long it was stalled so far, by the world's clock.
    pub fn stalled_for(&self) -> Duration {
        let shared = lock(&self.shared);
        let current = shared.stalled_since.map(|since| self.clock.world().now().since(since));
        shared.stalled_for.saturating_add(current.unwrap_or_default())
    }

    fn wake_all(&self) {
        let wakers = std::mem::take(&mut lock(&self.shared).wakers);
        wakers.into_values().for_each(Waker::wake);
    }
}

impl Runtime for Process {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        self.clock.world().sleep_until(self.clock.in_world(at))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut shared = lock(&self.shared);
        if shared.is_killed {
            drop(shared);
            return drop(task);
        }
        shared.tasks_so_far += 1;
        let id = shared.tasks_so_far;
        drop(shared);
        let confined = Confined { id, task: Some(task), shared: Arc::clone(&self.shared) };
        self.clock.world().spawn(Box::pin(confined));
    }

    fn wall_clock(&self) -> SystemTime {
        let (wall, stepped) = (self.clock.wall_clock(), lock(&self.shared).stepped);
        let step = Duration::from_millis(stepped.unsigned_abs());
        let shown = if stepped < 0 { wall.checked_sub(step) } else { wall.checked_add(step) };
        shown.unwrap_or(wall)
    }

    fn random(&self) -> u64 {
        self.clock.world().random()
    }
}

/// A task that goes on only while its process does.
struct Confined {
    id: u64,
    task: Option<BoxFuture<'static, ()>>,
    shared: Arc<Mutex<Shared>>,
}

impl Future for Confined {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        if shared.is_killed {
            drop(shared);
            self.task = None;
            return Poll::Ready(());
        }
        let is_stalled = shared.stalled_since.is_some();
        let replaced = match shared.wakers.get(&self.id) {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            Some(_) | None => shared.wakers.insert(self.id, cx.waker().clone()),
        };
        drop(shared);
        // Only now: dropping a waker may drop a task.
        drop(replaced);
        match &mut self.task {
            Some(_) if is_stalled => Poll::Pending,
            Some(task) => task.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        let waker = lock(&self.shared).wakers.remove(&self.id);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::virtual_time::VirtualRuntime;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_stalled_process_goes_on_late_and_a_killed_one_never() {
        for (kill, expected) in [(false, vec![5]), (true, vec![])] {
            let world = VirtualRuntime::new(0);
            let process = Process::new(Clock::new(&world, SECOND, 0));
            let events = ticks(&process, [2]);
            world.run_for(SECOND);
            process.stall();
            world.run_for(4 * SECOND);
            if kill {
                process.kill();
            }
            process.resume();
            world.run_for(SECOND);
            assert_eq!(events.try_iter().collect::<Vec<_>>(), expected, "kill: {kill}");
            assert_eq!(process.stalled_for(), 4 * SECOND);
            assert_eq!(world.tasks_alive(), 0);
        }
    }

    #[test]
    fn a_killed_process_starts_nothing_and_what_it_held_is_dropped() {
        struct SpawnsOnDrop(Process, mpsc::Sender<()>);
        impl Drop for SpawnsOnDrop {
            fn drop(&mut self) {
                let events = self.1.clone();
                self.0.spawn(Box::pin(async move { events.send(()).unwrap() }));
            }
        }
        let world = VirtualRuntime::new(0);
        let process = Process::new(Clock::new(&world, SECOND, 0));
        let (events, seen) = mpsc::channel();
        let held = SpawnsOnDrop(process.clone(), events);
        process.spawn(Box::pin(async move {
            std::future::pending::<()>().await;
            drop(held);
        }));
        world.run_for(SECOND);
        process.kill();
        world.run_for(SECOND);
        assert_eq!(seen.recv(), Err(mpsc::RecvError));
    }

    #[test]
    fn a_wall_clock_that_is_set_leaves_the_clock_of_the_timers_alone() {
        let world = VirtualRuntime::new(0);
        let process = Process::new(Clock::new(&world, SECOND, 0));
        let (wall, now) = (process.wall_clock(), process.now());
        for (millis, seconds) in [(7000, 7), (-9000, -2)] {
            process.step_wall_clock(millis);
            let set = match process.wall_clock().duration_since(wall) {
                Ok(forward) => i64::try_from(forward.as_secs()).unwrap(),
                Err(back) => -i64::try_from(back.duration().as_secs()).unwrap(),
            };
            assert_eq!((set, process.now()), (seconds, now));
        }
    }

    /// Sends the seconds that have passed in the world when so many have passed.
    fn ticks<const N: usize>(process: &Process, seconds: [u32; N]) -> mpsc::Receiver<u64> {
        let (events, seen) = mpsc::channel();
        for seconds in seconds {
            let (world, events) = (process.clock().world().clone(), events.clone());
            let (start, timer) = (world.now(), process.sleep_until(process.now().plus(seconds * SECOND)));
            process.spawn(Box::pin(async move {
                timer.await;
                events.send(world.now().since(start).as_secs()).unwrap();
            }));
        }
        seen
    }
}
