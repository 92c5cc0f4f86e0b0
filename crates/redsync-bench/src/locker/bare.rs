//! The floor: what nobody can do without, and nothing else.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use redsync_core::wire::Script;

use super::TTL;
use crate::BoxError;

/// One connection to each server, by one of the clients.
pub(crate) trait Wire: Clone + Send + Sync + 'static {
    /// Made once for all servers.
    type Command: Send + Sync + 'static;

    fn to(url: &str) -> impl Future<Output = Result<Self, BoxError>> + Send;

    fn command(words: &[&str]) -> Self::Command;

    /// Whether the server said `OK` or 1.
    fn ask(
        self,
        command: Arc<Self::Command>,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send + 'static;
}

/// When to go on.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// Every node has answered.
    All,
    /// Enough have granted.
    Quorum,
}

/// `SET NX PX` and a compare-and-delete at every node at once.
#[derive(Clone)]
pub(crate) struct Bare<W> {
    wires: Arc<[W]>,
    until: Until,
    count: Arc<AtomicU64>,
    late: Arc<Late>,
}

/// Answers that were not waited for. A client may discard a command whose future is dropped, so they are kept until they
/// are there, which costs less than a task that hears them.
#[derive(Default)]
struct Late(Mutex<VecDeque<Answers>>);

impl Late {
    fn leave(&self, mut answers: Answers) {
        let mut late = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while late.front_mut().is_some_and(Answers::are_there) {
            late.pop_front();
        }
        if !answers.are_there() {
            late.push_back(answers);
        }
    }
}

/// What was asked and not yet answered.
struct Answers(Vec<BoxFuture<'static, Result<bool, BoxError>>>);

impl Answers {
    /// How many have granted, once they are `enough` or there are no more. They are few, so that to look at all of them is
    /// the quickest.
    async fn grants(&mut self, enough: usize) -> usize {
        let mut granted = 0;
        poll_fn(|cx| {
            self.0.retain_mut(|answer| match answer.poll_unpin(cx) {
                Poll::Ready(answer) => {
                    // Whoever fails has not granted anything.
                    granted += usize::from(answer.unwrap_or(false));
                    false
                }
                Poll::Pending => true,
            });
            if granted >= enough || self.0.is_empty() { Poll::Ready(granted) } else { Poll::Pending }
        })
        .await
    }

    fn are_there(&mut self) -> bool {
        self.grants(usize::MAX).now_or_never().is_some()
    }
}

impl<W: Wire> Bare<W> {
    pub(crate) async fn to(urls: &[String], until: Until) -> Result<Self, BoxError> {
        let mut wires = Vec::new();
        for url in urls {
            let wire = W::to(url).await?;
            wire.clone().ask(Arc::new(W::command(&["SCRIPT", "LOAD", Script::RELEASE.text()]))).await?;
            wires.push(wire);
        }
        Ok(Self { wires: wires.into(), until, count: Arc::default(), late: Arc::default() })
    }

    /// As long as a value of ours.
    pub(crate) fn value(&self) -> String {
        format!("{:032x}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a quorum said yes to these words.
    pub(crate) async fn ask(&self, words: &[&str]) -> Result<bool, BoxError> {
        let command = Arc::new(W::command(words));
        let answers = self.wires.iter().map(|wire| wire.clone().ask(Arc::clone(&command)));
        match self.until {
            Until::All => {
                let answers: Vec<bool> = join_all(answers).await.into_iter().collect::<Result<_, _>>()?;
                Ok(answers.iter().filter(|yes| **yes).count() >= self.quorum())
            }
            Until::Quorum => {
                let mut answers = Answers(answers.map(FutureExt::boxed).collect());
                let granted = answers.grants(self.quorum()).await;
                self.late.leave(answers);
                Ok(granted >= self.quorum())
            }
        }
    }

    pub(crate) fn quorum(&self) -> usize {
        self.wires.len() / 2 + 1
    }
}

impl<W: Wire> super::Locker for Bare<W> {
    type Lock = Arc<str>;
    type Held = (Arc<str>, String);

    fn named(&self, name: &str) -> Arc<str> {
        name.into()
    }

    async fn take(&self, lock: &Arc<str>) -> Result<Self::Held, BoxError> {
        let value = self.value();
        let ttl = TTL.as_millis().to_string();
        if self.ask(&["SET", lock, &value, "NX", "PX", &ttl]).await? {
            Ok((Arc::clone(lock), value))
        } else {
            Err("somebody else has it".into())
        }
    }

    async fn give(&self, (lock, value): Self::Held) -> Result<(), BoxError> {
        if self.ask(&["EVALSHA", Script::RELEASE.sha1(), "1", &lock, &value]).await? {
            Ok(())
        } else {
            Err("it was gone".into())
        }
    }
}
