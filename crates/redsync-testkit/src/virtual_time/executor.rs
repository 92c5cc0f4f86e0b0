//! The tasks, and which of them can go on.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Wake, Waker},
};

use redsync_core::BoxFuture;

use super::{lock, random::SplitMix64};

/// Holds the spawned tasks and polls them one at a time.
#[derive(Default)]
pub(super) struct Executor {
    ready: Arc<ReadyQueue>,
    /// Those that have not ended.
    tasks: Mutex<BTreeMap<u64, Arc<Handle>>>,
    handles_so_far: AtomicU64,
    running: AtomicBool,
}

impl Executor {
    /// From now on polls what can go on in an order that follows from `seed`.
    pub(super) fn shuffle(&self, seed: u64) {
        lock(&self.ready.0).shuffle = Some(SplitMix64::new(seed));
    }

    pub(super) fn spawn(&self, task: BoxFuture<'static, ()>) {
        let handle = self.new_handle(Some(task));
        lock(&self.tasks).insert(handle.id, Arc::clone(&handle));
        handle.wake();
    }

    /// A handle of its own for something to poll, which is queued for its first poll.
    pub(super) fn ready_handle(&self) -> Arc<Handle> {
        let handle = self.new_handle(None);
        handle.wake_by_ref();
        handle
    }

    fn new_handle(&self, task: Option<BoxFuture<'static, ()>>) -> Arc<Handle> {
        let id = self.handles_so_far.fetch_add(1, Ordering::Relaxed);
        let (queued, queue) = (AtomicBool::new(false), Arc::downgrade(&self.ready));
        Arc::new(Handle { id, queued, queue, task: Mutex::new(task) })
    }

    pub(super) fn next_ready(&self) -> Option<Arc<Handle>> {
        let handle = self.ready.take()?;
        handle.queued.store(false, Ordering::Release);
        Some(handle)
    }

    /// Polls the task, if it has not ended meanwhile.
    pub(super) fn poll(&self, handle: &Arc<Handle>) {
        let Some(mut task) = handle.take() else { return };
        let waker = Waker::from(Arc::clone(handle));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            lock(&self.tasks).remove(&handle.id);
        } else if self.has(handle) {
            *lock(&handle.task) = Some(task);
        }
    }

    pub(super) fn tasks_alive(&self) -> usize {
        lock(&self.tasks).values().filter(|handle| lock(&handle.task).is_some()).count()
    }

    /// Drops all tasks, and those that the dropped ones spawn on their way out.
    pub(super) fn drop_tasks(&self) {
        loop {
            let tasks = std::mem::take(&mut *lock(&self.tasks));
            if tasks.is_empty() {
                return;
            }
            // What is dropped may drop others, and spawn.
            tasks.into_values().for_each(|handle| drop(handle.take()));
        }
    }

    /// Marks the executor as running until the returned value is dropped.
    ///
    /// # Panics
    ///
    /// When it is running already.
    pub(super) fn enter(&self) -> Running<'_> {
        let running = self.running.swap(true, Ordering::Acquire);
        assert!(!running, "this runtime is running already: inside of a task, await instead");
        Running(self)
    }

    /// Whether it is still to go on.
    fn has(&self, handle: &Handle) -> bool {
        lock(&self.tasks).contains_key(&handle.id)
    }
}

impl Drop for Executor {
    /// A task that holds a waker of its own would keep itself in memory.
    fn drop(&mut self) {
        self.drop_tasks();
    }
}

/// Ends the mark that [`Executor::enter`] set.
pub(super) struct Running<'a>(&'a Executor);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}

/// What can be polled next, in the order in which it was woken or in a random one.
#[derive(Default)]
struct ReadyQueue(Mutex<Ready>);

#[derive(Default)]
struct Ready {
    handles: VecDeque<Arc<Handle>>,
    shuffle: Option<SplitMix64>,
}

impl ReadyQueue {
    fn put(&self, handle: Arc<Handle>) {
        lock(&self.0).handles.push_back(handle);
    }

    fn take(&self) -> Option<Arc<Handle>> {
        let Ready { handles, shuffle } = &mut *lock(&self.0);
        match shuffle {
            Some(random) => {
                let drawn = usize::try_from(random.next()).unwrap_or(usize::MAX);
                handles.swap_remove_back(drawn.checked_rem(handles.len())?)
            }
            None => handles.pop_front(),
        }
    }
}

/// Stands for one task or main future in the queue, at most once at a time.
pub(super) struct Handle {
    id: u64,
    queued: AtomicBool,
    /// The queue owns what is in it, so that a handle which was woken and never polled ends with the executor.
    queue: Weak<ReadyQueue>,
    /// Nothing while it is being polled.
    task: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Handle {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.id == other.id
    }

    fn take(&self) -> Option<BoxFuture<'static, ()>> {
        lock(&self.task).take()
    }
}

impl Wake for Handle {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(queue) = self.queue.upgrade()
            && !self.queued.swap(true, Ordering::AcqRel)
        {
            queue.put(Arc::clone(self));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_in_memory_of_a_task_that_was_never_polled() {
        let executor = Executor::default();
        executor.spawn(Box::pin(async {}));
        let (queue, handle) = (Arc::downgrade(&executor.ready), executor.ready_handle());
        executor.drop_tasks();
        drop(executor);
        assert_eq!(queue.strong_count(), 0);
        // A waker that outlives its executor wakes nothing.
        handle.wake();
    }
}
