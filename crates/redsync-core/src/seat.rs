//! [`Seat`]: a node in its quorum, and what it was found to be able to do.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{BoxFuture, Delivery, Node, NodeError, Reply, Request, Runtime, meter::NodeMeter, wire::Native};

/// One of the nodes of a [`Redsync`](crate::Redsync).
pub(crate) struct Seat {
    node: Arc<dyn Node>,
    meter: NodeMeter,
    release: Mutex<ReleaseBy>,
}

/// How a node is to be asked for releases.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReleaseBy {
    /// By the script that also asks for what the server can do itself.
    Learning,
    /// By a command that the server has proved to have, but that has not been answered yet: something on the way
    /// there may not know it.
    Trying(Native),
    /// By a command that was answered before.
    Native(Native),
    /// By the plain script.
    Script,
}

impl Seat {
    /// A client that may send a request twice is not told from a server that forgot a command meanwhile, and goes
    /// by the script always.
    pub(crate) fn new(node: Arc<dyn Node>, runtime: &Arc<dyn Runtime>) -> Self {
        let release = match node.delivery() {
            Delivery::AtMostOnce => ReleaseBy::Learning,
            Delivery::MayRepeat => ReleaseBy::Script,
        };
        Self { meter: NodeMeter::new(&*node, runtime), node, release: Mutex::new(release) }
    }

    pub(crate) fn node(&self) -> &dyn Node {
        &*self.node
    }

    pub(crate) fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        self.meter.measure(self.node.call(request))
    }

    pub(crate) fn release_by(&self) -> ReleaseBy {
        *self.release.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_release_by(&self, way: ReleaseBy) {
        *self.release.lock().unwrap_or_else(PoisonError::into_inner) = way;
    }
}
