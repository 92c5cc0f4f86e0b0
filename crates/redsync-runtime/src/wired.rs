//! [`Wired`]: a node over any way of carrying requests.

use std::{borrow::Cow, future::Future, sync::Arc};

use redsync_core::{BoxFuture, Delivery, Hint, Node, NodeError, Reply, Request, Runtime};

use crate::{Backlog, Watcher, deliver};

/// A way to carry requests to one node.
pub trait Transport: Send + Sync + 'static {
    /// How often a request can be executed.
    fn delivery(&self) -> Delivery {
        Delivery::AtMostOnce
    }

    /// Carries `request` and resolves to its reply.
    fn send(&self, request: Request) -> impl Future<Output = Result<Reply, NodeError>> + Send;
}

/// A node whose requests are never lost by dropping their futures, and have a [`Backlog`] with an end.
pub struct Wired<T> {
    label: String,
    way: Arc<Way<T>>,
    watcher: Option<Watcher>,
}

/// The way to the node, for as long as a request is on it.
struct Way<T> {
    transport: T,
    runtime: Arc<dyn Runtime>,
    backlog: Backlog,
}

impl<T: Transport> Wired<T> {
    /// Makes a node that people call `label`; requests whose callers have gone end on `runtime`.
    pub fn new(label: impl Into<String>, transport: T, runtime: Arc<dyn Runtime>) -> Self {
        let way = Arc::new(Way { transport, runtime, backlog: Backlog::default() });
        Self { label: label.into(), way, watcher: None }
    }

    /// The same, and keys are watched by `watcher`, if there is one.
    #[must_use]
    pub fn watched_by(self, watcher: impl Into<Option<Watcher>>) -> Self {
        Self { watcher: watcher.into(), ..self }
    }
}

impl<T: Transport> Node for Wired<T> {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>> {
        let (way, runtime) = (Arc::clone(&self.way), Arc::clone(&self.way.runtime));
        let exchange = Box::pin(async move {
            // Kept until the reply is there, also when the caller has gone.
            let _place = way.backlog.enter()?;
            way.transport.send(request).await
        });
        Box::pin(deliver(runtime, exchange))
    }

    fn watch(&self, key: Arc<str>) -> Option<BoxFuture<'static, Result<Hint, NodeError>>> {
        self.watcher.as_ref().map(|watcher| watcher.watch(key))
    }

    fn label(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.label)
    }

    fn delivery(&self) -> Delivery {
        self.way.transport.delivery()
    }
}
