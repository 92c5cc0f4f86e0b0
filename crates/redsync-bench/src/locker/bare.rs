//! The floor: what nobody can do without, and nothing else.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{FutureExt, future::join_all};
use redsync_core::wire::Script;

use super::{
    TTL,
    answers::{Answers, Late, Nodes},
};
use crate::BoxError;

/// One connection to each server, by one of the clients.
pub(crate) trait Wire: Clone + Send + Sync + 'static {
    /// Made once for all servers.
    type Command: Send + Sync + 'static;

    fn to(url: &str) -> impl Future<Output = Result<Self, BoxError>> + Send;

    fn command(words: &[&str]) -> Self::Command;

    /// Whether the server said `OK`, or 1 and what else there may be.
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
    /// Enough have.
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

impl<W: Wire> Bare<W> {
    pub(crate) async fn to(urls: &[String], until: Until) -> Result<Self, BoxError> {
        let mut wires = Vec::new();
        for url in urls {
            wires.push(W::to(url).await?);
        }
        let bare = Self { wires: wires.into(), until, count: Arc::default(), late: Arc::default() };
        bare.load(Script::RELEASE.text()).await?;
        Ok(bare)
    }

    pub(crate) async fn load(&self, script: &str) -> Result<(), BoxError> {
        let load = Arc::new(W::command(&["SCRIPT", "LOAD", script]));
        let loaded = join_all(self.wires.iter().map(|wire| wire.clone().ask(Arc::clone(&load)))).await;
        loaded.into_iter().try_for_each(|loaded| loaded.map(drop))
    }

    /// What nobody else has, and as long as a value of ours.
    pub(crate) fn value(&self) -> String {
        let (process, count) = (std::process::id(), self.count.fetch_add(1, Ordering::Relaxed));
        format!("{process:016x}{count:016x}")
    }

    /// Whether a quorum says yes to these words.
    pub(crate) async fn ask(&self, words: &[&str]) -> Result<bool, BoxError> {
        match self.until {
            Until::All => {
                let command = Arc::new(W::command(words));
                let answers = self.wires.iter().map(|wire| wire.clone().ask(Arc::clone(&command)));
                let answers: Vec<bool> = join_all(answers).await.into_iter().collect::<Result<_, _>>()?;
                Ok(answers.iter().filter(|yes| **yes).count() >= self.quorum())
            }
            Until::Quorum => Ok(self.vote(Nodes::ALL, words).await.count() >= self.quorum()),
        }
    }

    /// Which of these nodes say yes to these words, by when a quorum has or all have answered. Whoever fails has not
    /// granted anything.
    pub(crate) async fn vote(&self, nodes: Nodes, words: &[&str]) -> Nodes {
        let command = Arc::new(W::command(words));
        let asked = self.wires.iter().enumerate().filter(|(node, _)| nodes.contains(*node));
        let ask = |(node, wire): (usize, &W)| (node, wire.clone().ask(Arc::clone(&command)).boxed());
        let mut answers = Answers::of(asked.map(ask));
        let granted = answers.until(self.quorum()).await;
        self.late.leave(answers);
        granted
    }

    pub(crate) fn quorum(&self) -> usize {
        self.wires.len() / 2 + 1
    }
}

impl<W: Wire> super::Locker for Bare<W> {
    type Lock = Arc<str>;
    type Held = (Arc<str>, String);

    async fn named(&self, name: &str) -> Result<Arc<str>, BoxError> {
        Ok(name.into())
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
