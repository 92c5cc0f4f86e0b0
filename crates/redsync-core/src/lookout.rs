//! [`Lookout`]: waits until a lock that somebody else holds may be free.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{BoxFuture, Delay, Hint, Moment, NodeError, few::Few, machine::NodeSet, redsync::World};

/// From the second time in a row on that somebody else was quicker, the longest pause is as many times this. Of a hundred
/// processes each then stands back for a hundred times as long as of one, and a few of them ask at a time.
const PAUSE: Duration = Duration::from_millis(1);
/// The least pause between two tries by default, beyond which polling would be quicker.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// After how long a node that could not tell is asked again, and when the lock is asked for again where it is free and too
/// few nodes grant it to anybody.
const RETRY: Duration = Duration::from_secs(1);
/// The least time from one look at a node to the next.
const LEAST: Duration = Duration::from_millis(1);

/// Watches the key of one lock at all nodes that can tell.
pub(crate) struct Lookout {
    world: Arc<World>,
    name: Arc<str>,
    watches: Few<BoxFuture<'static, Told>>,
    /// The nodes that `watches` are at.
    watched: NodeSet,
    /// Those that could not tell the last time.
    deaf: NodeSet,
    /// Where the lock may be free.
    free: NodeSet,
    /// How often in a row it has said so in vain.
    in_vain: u32,
    state: State,
}

/// What a node has told.
struct Told {
    node: usize,
    hint: Result<Hint, NodeError>,
    /// When it was looked at.
    begun: Moment,
}

enum State {
    Off,
    /// Before it watches again.
    Pausing(BoxFuture<'static, ()>),
    Watching,
}

impl Lookout {
    pub(crate) fn new(world: Arc<World>, name: Arc<str>) -> Self {
        let (watches, none) = (Few::new(), NodeSet::EMPTY);
        Self { world, name, watches, watched: none, deaf: none, free: none, in_vain: 0, state: State::Off }
    }

    /// Whether enough nodes can tell, as far as is known.
    pub(crate) fn can_tell(&mut self) -> bool {
        self.watch();
        let can = self.watched.union(self.free).without(self.deaf);
        !self.world.quorum.is_blocked_by(self.world.seats.len() - can.len())
    }

    /// Whether it has been asked at all.
    pub(crate) fn is_used(&self) -> bool {
        self.in_vain > 0 || !matches!(self.state, State::Off)
    }

    /// Resolves when a quorum may be free, or to `false` when too few nodes can tell.
    pub(crate) async fn is_free(&mut self) -> bool {
        poll_fn(|cx| match self.poll_free(true, cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if !self.can_tell() => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Ready when a quorum may be free. Asked again after that, it takes the first time for having been in vain; `is_taken`
    /// says whether that was because of rivals.
    pub(crate) fn poll_free(&mut self, is_taken: bool, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::Off => match self.pause(is_taken) {
                    Some(pause) => self.state = State::Pausing(pause),
                    None => self.watch(),
                },
                State::Pausing(pause) => match pause.as_mut().poll(cx) {
                    Poll::Ready(()) => self.watch(),
                    Poll::Pending => return Poll::Pending,
                },
                State::Watching => match self.watches.poll_next(cx) {
                    Poll::Ready(told) => self.note(told),
                    // Where no node tells anything any more, who waits polls.
                    Poll::Pending => return Poll::Pending,
                },
            }
            if self.world.quorum.needed() <= self.free.len() {
                self.end();
                self.in_vain = self.in_vain.saturating_add(1);
                return Poll::Ready(());
            }
        }
    }

    /// Asks those anew that have told something. The others are watched still.
    pub(crate) fn end(&mut self) {
        (self.free, self.state) = (NodeSet::EMPTY, State::Off);
    }

    fn watch(&mut self) {
        if !matches!(self.state, State::Watching) {
            self.world
                .all_nodes()
                .without(self.watched)
                .iter()
                .for_each(|node| self.watch_at(node, Duration::ZERO));
            self.state = State::Watching;
        }
    }

    fn watch_at(&mut self, node: usize, after: Duration) {
        let seat = self.world.seats.get(node);
        if let Some(watch) = seat.and_then(|seat| seat.node().watch(Arc::clone(&self.name))) {
            let runtime = Arc::clone(&self.world.runtime);
            self.watched.insert(node);
            self.watches.push(Box::pin(async move {
                if !after.is_zero() {
                    runtime.sleep_until(runtime.now().plus(after)).await;
                }
                let begun = runtime.now();
                Told { node, hint: watch.await, begun }
            }));
        }
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        self.world.runtime.sleep_until(self.world.runtime.now().plus(pause))
    }

    /// Who was too late the last time takes a look first: a lock that changes hands within another process changes, and is
    /// never free for long.
    fn note(&mut self, Told { node, hint, begun }: Told) {
        self.watched.remove(node);
        self.deaf.remove(node);
        match hint {
            Ok(Hint::Changed) if self.in_vain > 0 => {
                let since = self.world.runtime.now().since(begun);
                self.watch_at(node, LEAST.saturating_sub(since));
            }
            Ok(Hint::Free | Hint::Changed) => self.free.insert(node),
            Err(error) => {
                let label = self.world.label(node);
                tracing::debug!(
                    lock = &*self.name,
                    node = label.as_deref(),
                    %error,
                    "cannot be watched for now"
                );
                self.deaf.insert(node);
                self.watch_at(node, RETRY);
            }
        }
    }

    /// Where many are after the lock, some of them stand back for a moment: somebody else uses it meanwhile.
    fn pause(&self, is_taken: bool) -> Option<BoxFuture<'static, ()>> {
        if self.in_vain > 0 && !is_taken {
            return Some(self.sleep(RETRY));
        }
        let times = Some(self.in_vain).filter(|times| *times >= 2)?;
        let longest = PAUSE.saturating_mul(times).min(LONGEST_PAUSE);
        let pause = Delay::Between(Duration::ZERO, longest);
        Some(self.sleep(pause.after(times, self.world.runtime.random())))
    }
}
