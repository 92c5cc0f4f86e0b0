//! [`Lookout`]: waits until a lock that somebody else holds may be free.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{BoxFuture, Hint, NodeError, few::Few, machine::NodeSet, redsync::World};

/// From the second time in a row on that somebody else was quicker, the longest pause is as many times this. Of a hundred
/// processes each then stands back for a hundred times as long as of one, and a few of them ask at a time.
const PAUSE: Duration = Duration::from_millis(1);
/// The least pause between two tries by default, beyond which polling would be quicker.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// After how long a node that could not tell is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Watches the key of one lock at all nodes that can tell.
pub(crate) struct Lookout {
    world: Arc<World>,
    name: Arc<str>,
    watches: Few<BoxFuture<'static, (usize, Result<Hint, NodeError>)>>,
    /// Where the lock may be free.
    free: NodeSet,
    /// How often in a row it has said so in vain.
    in_vain: u32,
    state: State,
}

enum State {
    Off,
    /// Before it watches again.
    Pausing(BoxFuture<'static, ()>),
    Watching,
}

impl Lookout {
    pub(crate) fn new(world: Arc<World>, name: Arc<str>) -> Self {
        let watches = Few::new();
        Self { world, name, watches, free: NodeSet::EMPTY, in_vain: 0, state: State::Off }
    }

    /// Whether enough nodes can tell.
    pub(crate) fn can_tell(&mut self) -> bool {
        self.watch();
        let against = self.world.seats.len() - self.watches.len();
        !self.world.quorum.is_blocked_by(against)
    }

    /// Whether it has been asked at all.
    pub(crate) fn is_used(&self) -> bool {
        self.in_vain > 0 || !matches!(self.state, State::Off)
    }

    /// Resolves when a quorum may be free.
    pub(crate) async fn free(&mut self) {
        poll_fn(|cx| self.poll_free(cx)).await;
    }

    /// Ready when a quorum may be free. Asked again after that, it takes the first time for having been in vain.
    pub(crate) fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::Off => match self.pause() {
                    Some(pause) => self.state = State::Pausing(pause),
                    None => self.watch(),
                },
                State::Pausing(pause) => match pause.as_mut().poll(cx) {
                    Poll::Ready(()) => self.watch(),
                    Poll::Pending => return Poll::Pending,
                },
                State::Watching => match self.watches.poll_next(cx) {
                    Poll::Ready((node, hint)) => self.note(node, hint),
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

    /// Forgets what the nodes have told, so that they are asked anew.
    pub(crate) fn end(&mut self) {
        self.watches.clear();
        (self.free, self.state) = (NodeSet::EMPTY, State::Off);
    }

    fn watch(&mut self) {
        if !matches!(self.state, State::Watching) {
            (0..self.world.seats.len()).for_each(|node| self.watch_at(node, Duration::ZERO));
            self.state = State::Watching;
        }
    }

    fn watch_at(&mut self, node: usize, after: Duration) {
        let seat = self.world.seats.get(node);
        if let Some(watch) = seat.and_then(|seat| seat.node().watch(Arc::clone(&self.name))) {
            let pause = (!after.is_zero()).then(|| self.sleep(after));
            self.watches.push(Box::pin(async move {
                if let Some(pause) = pause {
                    pause.await;
                }
                (node, watch.await)
            }));
        }
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        self.world.runtime.sleep_until(self.world.runtime.now().plus(pause))
    }

    /// Who was too late the last time takes a look first: a lock that changes hands within another process changes, and is
    /// never free for long.
    fn note(&mut self, node: usize, hint: Result<Hint, NodeError>) {
        match hint {
            Ok(Hint::Changed) if self.in_vain > 0 => self.watch_at(node, Duration::ZERO),
            Ok(Hint::Free | Hint::Changed) => self.free.insert(node),
            Err(error) => {
                tracing::debug!(lock = &*self.name, node, %error, "cannot be watched for now");
                self.watch_at(node, RETRY);
            }
        }
    }

    /// Where many are after the lock, some of them stand back for a moment: somebody else uses it meanwhile.
    fn pause(&self) -> Option<BoxFuture<'static, ()>> {
        let times = Some(self.in_vain).filter(|times| *times >= 2)?;
        let longest = PAUSE.saturating_mul(times).min(LONGEST_PAUSE);
        let part = (self.world.runtime.random() >> 32) as u32;
        let pause = longest.mul_f64(f64::from(part) / f64::from(u32::MAX));
        Some(self.sleep(pause))
    }
}
