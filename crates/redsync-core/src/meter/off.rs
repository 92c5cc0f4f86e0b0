//! Without the feature nothing is measured.

use std::sync::Arc;

use super::By;
use crate::{BoxFuture, Error, Loss, Moment, Node, NodeError, Reply, Runtime, held::Ending, redsync::World};

/// A call that waits for a lock.
pub(crate) struct Waiting;

impl Waiting {
    pub(crate) fn begin(_: &World) -> Self {
        Self
    }

    pub(crate) fn end<T>(self, _: &Result<T, Error>) {}
}

/// A lock that is held.
#[derive(Debug)]
pub(crate) struct Hold;

impl Hold {
    pub(crate) fn begin(_: &World, _: By) -> Self {
        Self
    }

    pub(crate) fn lose(&self, _: Loss) {}

    pub(crate) fn end(&self, _: Option<Ending>, _: Moment) {}
}

/// A node that is asked.
pub(crate) struct NodeMeter;

impl NodeMeter {
    pub(crate) fn new(_: &dyn Node, _: &Arc<dyn Runtime>) -> Self {
        Self
    }

    pub(crate) fn measure(
        &self,
        call: BoxFuture<'static, Result<Reply, NodeError>>,
    ) -> BoxFuture<'static, Result<Reply, NodeError>> {
        call
    }
}
