//! [`Redsync`]: the nodes, and where locks come from.

use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use event_listener::{Event, EventListener};

use crate::{
    BoxFuture, Hint, InvalidOption, Mutex, Node, NodeError, Reply, Request, Runtime,
    background::Tasks,
    doubt::{Doubts, Ticket},
    line::Lines,
    machine::{NodeSet, Quorum},
    node::Delivery,
    renew::Renewals,
    seat::Seat,
    source::Generator,
};

/// Locks on one set of nodes.
///
/// Cheap to clone; clones share everything. One for each set of nodes is enough for a process, or for each of its
/// async runtimes [where locks are extended in the background](Mutex::auto_extend).
#[derive(Clone)]
pub struct Redsync {
    pub(crate) world: Arc<World>,
}

/// What all locks of one [`Redsync`] share.
pub(crate) struct World {
    pub(crate) seats: Vec<Arc<Seat>>,
    pub(crate) quorum: Quorum,
    pub(crate) may_repeat: NodeSet,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) renewals: Renewals,
    pub(crate) lines: Arc<Lines>,
    doubts: Arc<Doubts>,
    calls: AtomicU64,
    is_closed: AtomicBool,
    closing: Event,
}

impl Redsync {
    /// Starts to put together a set of nodes; `runtime` is what the driver crate brings.
    pub fn builder(runtime: Arc<dyn Runtime>) -> Builder {
        Builder { runtime, nodes: Vec::new(), quorum: None }
    }

    /// The clock, timers and tasks that it goes by.
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.world.runtime
    }

    /// A lock called `name`, which is its key in Redis. Nothing is sent yet.
    pub fn mutex(&self, name: impl Into<Arc<str>>) -> Mutex {
        Mutex::new(Arc::clone(&self.world), name.into())
    }

    /// Resolves when nothing goes on in the background any more: clean-up, late replies, releases of
    /// dropped guards. That locks which are held are extended there does not count.
    ///
    /// That takes up to the longest TTL in use while a node cannot be reached, where a hand-over has failed its wait: give
    /// it a time-out of your own where a process has to end sooner, and the TTL does the rest. What a node may have kept of
    /// a token, for as long as that might have waited, is removed by the process for as long as it lasts, and not waited
    /// for. A [withdrawal](Self::withdraw) takes up to twice the token's TTL.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn settled(&self) {
        self.world.tasks.settled().await;
    }

    /// Ends every waiting `lock` and `adopt` with [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), refuses new ones,
    /// and waits like [`Redsync::settled`].
    ///
    /// Guards that are held stay held, and those with [`auto_extend`](Mutex::auto_extend) are still extended. A call that is
    /// ended cleans up once its own task has gone on: where calls may be waiting, await them, and then
    /// [`settled`](Self::settled).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the waiting; the rest has happened on the first poll.
    pub async fn shutdown(&self) {
        self.world.is_closed.store(true, Ordering::SeqCst);
        self.world.closing.notify(usize::MAX);
        self.settled().await;
    }
}

impl fmt::Debug for Redsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self.world.seats.iter().map(|seat| seat.node().label()).collect();
        f.debug_struct("Redsync")
            .field("nodes", &labels)
            .field("quorum", &self.world.quorum.needed())
            .finish()
    }
}

impl World {
    /// Values and random bits for a call about the lock called `name`.
    pub(crate) fn generator(&self, name: &Arc<str>) -> Generator {
        let (runtime, doubts) = (Arc::clone(&self.runtime), Arc::clone(&self.doubts));
        Generator { runtime, doubts, name: Arc::clone(name), label: None, value_fn: None }
    }

    pub(crate) fn ticket(&self, name: &Arc<str>) -> Ticket {
        self.doubts.ticket(name, self.calls.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn all_nodes(&self) -> NodeSet {
        NodeSet::first(self.seats.len())
    }

    /// What people call the node of this index.
    pub(crate) fn label(&self, node: usize) -> Option<Cow<'_, str>> {
        self.seats.get(node).map(|seat| seat.node().label())
    }

    /// Notified when no lock is to be taken any more; `None` when that is so already.
    pub(crate) fn on_closing(&self) -> Option<EventListener> {
        let closing = self.closing.listen();
        (!self.is_closed.load(Ordering::SeqCst)).then_some(closing)
    }
}

/// Puts together a [`Redsync`].
pub struct Builder {
    runtime: Arc<dyn Runtime>,
    nodes: Vec<Arc<dyn Node>>,
    quorum: Option<usize>,
}

impl Builder {
    /// Adds a node. Nodes are independent of each other: replicas of one another do not count as two.
    #[must_use]
    pub fn node(mut self, node: impl Node) -> Self {
        self.nodes.push(Arc::new(node));
        self
    }

    /// Adds several nodes.
    #[must_use]
    pub fn nodes<N: Node>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.nodes.extend(nodes.into_iter().map(|node| Arc::new(node) as Arc<dyn Node>));
        self
    }

    /// How many nodes have to grant a lock. By default the least majority; more make a lock outlive
    /// the loss of that many more nodes' data.
    #[must_use]
    pub fn quorum(mut self, needed: usize) -> Self {
        self.quorum = Some(needed);
        self
    }

    /// Checks and builds. Logs a warning for an even number of nodes, which stands no more failures than the
    /// next lower odd one.
    ///
    /// # Errors
    ///
    /// [`InvalidOption::NoNodes`], [`InvalidOption::TooManyNodes`] or [`InvalidOption::Quorum`].
    pub fn build(self) -> Result<Redsync, InvalidOption> {
        let nodes = self.nodes.len();
        let majority = match Quorum::majority(nodes) {
            Some(majority) => majority,
            None if nodes == 0 => return Err(InvalidOption::NoNodes),
            None => return Err(InvalidOption::TooManyNodes(nodes)),
        };
        let quorum = match self.quorum {
            Some(needed) => Quorum::new(nodes, needed).ok_or(InvalidOption::Quorum { needed, nodes })?,
            None => majority,
        };
        if nodes.is_multiple_of(2) {
            tracing::warn!(nodes, "an even number of nodes stands no more failures than one node less");
        }
        Ok(Redsync { world: Arc::new(World::new(self.nodes, quorum, self.runtime)) })
    }
}

impl World {
    fn new(nodes: Vec<Arc<dyn Node>>, quorum: Quorum, runtime: Arc<dyn Runtime>) -> Self {
        let repeats = |(_, node): &(usize, &Arc<dyn Node>)| node.delivery() == Delivery::MayRepeat;
        let may_repeat = nodes.iter().enumerate().filter(repeats).map(|(index, _)| index).collect();
        Self {
            seats: nodes.into_iter().map(|node| Arc::new(Seat::new(node, &runtime))).collect(),
            quorum,
            may_repeat,
            runtime: Arc::clone(&runtime),
            tasks: Arc::default(),
            renewals: Renewals::default(),
            lines: Arc::new(Lines::new(runtime)),
            doubts: Arc::default(),
            calls: AtomicU64::default(),
            is_closed: AtomicBool::new(false),
            closing: Event::new(),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("nodes", &self.nodes.len())
            .field("quorum", &self.quorum)
            .finish_non_exhaustive()
    }
}

impl Node for Arc<dyn Node> {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        (**self).call(request)
    }

    fn label(&self) -> Cow<'_, str> {
        (**self).label()
    }

    fn delivery(&self) -> Delivery {
        (**self).delivery()
    }

    fn watch(&self, key: Arc<str>) -> Option<BoxFuture<'static, Result<Hint, NodeError>>> {
        (**self).watch(key)
    }
}
