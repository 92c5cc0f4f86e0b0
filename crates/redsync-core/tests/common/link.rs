//! A process' own ways to the nodes, which can be slow or broken while those of others are not.

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redsync_core::{BoxFuture, Node, NodeError, Redsync, Reply, Request, Runtime};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};

use super::{NAME, Quorum, WAIT, ms};

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
}

impl Link {
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
