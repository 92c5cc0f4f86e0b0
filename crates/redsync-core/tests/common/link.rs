//! A process' own ways to the nodes, which can be slow or broken while those of others are not.
#![allow(clippy::indexing_slicing, reason = "tests state what they expect")]

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redsync_core::{
    BoxFuture, Guard, GuardError, LockToken, Mutex as Lock, Node, NodeError, Redsync, Reply, Request, Runtime,
};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};

use super::{NAME, Quorum, WAIT, delete_at, ms};

/// Half of the time that a node takes to answer: the first request is on its way, and what follows it is not sent yet.
pub const HALF_WAY: Duration = Duration::from_micros(500);

/// How a way is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Mode {
    Up,
    /// Connection refused.
    Cut,
    /// What is sent gets nowhere, and breaks when the mode changes.
    Hung,
    /// Executed, and the reply is lost.
    Deaf,
    /// Waits on its way until the mode changes, and then arrives.
    Slow,
    /// Takes so long to arrive.
    Late(Duration),
    /// Takes so long to answer.
    SlowReply(Duration),
    /// Not executed, and breaks so much later.
    SlowBreak(Duration),
}

/// One process' way to one node.
#[derive(Clone)]
pub struct Link {
    node: MemoryNode,
    runtime: VirtualRuntime,
    mode: Arc<Mutex<Mode>>,
    sent: Arc<AtomicUsize>,
}

impl Link {
    /// Changes it, for what is sent from now on.
    pub fn set(&self, mode: Mode) {
        *self.mode.lock().expect("sound") = mode;
    }

    /// How many requests have been sent.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Node for Link {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let mode = *self.mode.lock().expect("sound");
        let this = self.clone();
        match mode {
            Mode::Up => self.node.call(request),
            Mode::Cut => Box::pin(async { Err(NodeError::not_sent("refused")) }),
            Mode::Hung => Box::pin(async move {
                while *this.mode.lock().expect("sound") == Mode::Hung {
                    this.runtime.sleep_until(this.runtime.now().plus(ms(10))).await;
                }
                Err(NodeError::unknown("broken"))
            }),
            Mode::Slow => Box::pin(async move {
                while *this.mode.lock().expect("sound") == Mode::Slow {
                    this.runtime.sleep_until(this.runtime.now().plus(ms(10))).await;
                }
                this.node.call(request).await
            }),
            Mode::Late(delay) => Box::pin(async move {
                this.runtime.sleep_until(this.runtime.now().plus(delay)).await;
                this.node.call(request).await
            }),
            Mode::SlowReply(delay) => Box::pin(async move {
                let result = this.node.call(request).await;
                this.runtime.sleep_until(this.runtime.now().plus(delay)).await;
                result
            }),
            Mode::SlowBreak(delay) => Box::pin(async move {
                this.runtime.sleep_until(this.runtime.now().plus(delay)).await;
                Err(NodeError::unknown("broken"))
            }),
            Mode::Deaf => {
                let call = self.node.call(request);
                Box::pin(async move {
                    let result = call.await;
                    match result {
                        Err(error) if error.code().is_some() => Err(error),
                        _ => Err(NodeError::unknown("lost")),
                    }
                })
            }
        }
    }

    fn label(&self) -> Cow<'_, str> {
        Cow::Borrowed("link")
    }
}

/// A process of its own, with its ways to the nodes.
pub fn process(quorum: &Quorum) -> (Redsync, Vec<Link>) {
    let link = |node: &MemoryNode| Link {
        node: node.clone(),
        runtime: quorum.runtime.clone(),
        mode: Arc::new(Mutex::new(Mode::Up)),
        sent: Arc::default(),
    };
    let links: Vec<_> = quorum.nodes.iter().map(link).collect();
    let redsync =
        Redsync::builder(quorum.runtime.shared()).nodes(links.iter().cloned()).build().expect("valid");
    (redsync, links)
}

/// Changes all of these ways.
pub fn all(links: &[Link], mode: Mode) {
    links.iter().for_each(|link| link.set(mode));
}

/// Changes these ways after a while.
pub fn soon(quorum: &Quorum, after: Duration, links: &[Link], mode: Mode) {
    let (links, at) = (links.to_vec(), quorum.runtime.sleep_until(quorum.runtime.now().plus(after)));
    quorum.runtime.spawn(Box::pin(async move {
        at.await;
        all(&links, mode);
    }));
}

/// A process that has every script loaded.
pub fn warm_process(quorum: &Quorum) -> (Redsync, Vec<Link>) {
    let (redsync, links) = process(quorum);
    warm(quorum, &redsync);
    (redsync, links)
}

/// Has every script loaded.
pub fn warm(quorum: &Quorum, redsync: &Redsync) {
    let guard = quorum.block_on(redsync.mutex(NAME).lock()).expect("free");
    let token = quorum.block_on(guard.hand_over(WAIT)).expect("reachable");
    let guard = quorum.block_on(redsync.adopt(&token)).expect("good");
    quorum.block_on(guard.hand_back(&token)).expect("good");
    let guard = quorum.block_on(redsync.adopt(&token)).expect("good");
    quorum.block_on(guard.release()).expect("reachable");
    quorum.block_on(redsync.settled());
    assert_eq!(quorum.keys_left(), 0);
}

/// A lock was handed over, and a process has adopted it.
pub fn adopted(quorum: &Quorum) -> (LockToken, Vec<Link>, Guard) {
    adopted_with(quorum, |mutex| mutex)
}

/// A lock was handed over, and a process has adopted it with these settings.
pub fn adopted_with(quorum: &Quorum, settings: impl FnOnce(Lock) -> Lock) -> (LockToken, Vec<Link>, Guard) {
    let token = quorum.handed_over();
    let (redsync, links) = process(quorum);
    let guard = quorum.block_on(settings(redsync.mutex(NAME)).adopt(&token)).expect("good");
    (token, links, guard)
}

/// A token has expired, and a warm process has taken the lock anew with these settings.
pub fn taken_anew(quorum: &Quorum, settings: impl FnOnce(Lock) -> Lock) -> (LockToken, Vec<Link>, Guard) {
    let (redsync, links) = warm_process(quorum);
    let token = quorum.expired_token();
    let guard = quorum.block_on(settings(redsync.mutex(NAME)).lock()).expect("free");
    (token, links, guard)
}

/// A hand-over that fails, of a lock that stands at the first of five nodes only. Two nodes are cut off, and one is filled
/// and does not get to say so.
pub fn fill_in_vain(
    quorum: &Quorum,
    guard: Guard,
    links: &[Link],
    cut: [usize; 2],
    filled: usize,
) -> GuardError {
    delete_at(&quorum.nodes[1..]);
    cut.iter().for_each(|node| links[*node].set(Mode::Cut));
    soon(quorum, HALF_WAY, &links[filled..=filled], Mode::Deaf);
    quorum.block_on(guard.hand_over(WAIT)).expect_err("two of five have answered")
}
