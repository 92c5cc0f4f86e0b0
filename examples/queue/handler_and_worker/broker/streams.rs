//! Redis streams: the handler goes by one driver, the worker by the other.

use std::{sync::Arc, time::Duration};

use redsync_queue::{
    Envelope, PublishError,
    streams::{Consumer, Publisher, Server},
};
use redsync_redis_rs::{LockToken, NodeError, Redsync};

use crate::BoxError;

const JOBS: &str = "reports";
const GROUP: &str = "workers";

// ANCHOR: publish
pub(crate) struct Outbox(Publisher);

impl Outbox {
    pub(crate) fn connect(url: &str, redsync: &Redsync) -> Result<Self, BoxError> {
        let node = redsync_redis_rs::RedisNode::open(url)?;
        Ok(Self(Publisher::new(Server::new(node, Arc::clone(redsync.runtime())), JOBS)))
    }

    pub(crate) async fn publish(
        &self,
        token: &LockToken,
        report: &str,
    ) -> Result<(), PublishError<NodeError>> {
        Envelope::plain().publish(token, &self.0, report).await
    }
}
// ANCHOR_END: publish

// ANCHOR: consume
/// After `claim_after` without a word of its worker a job is another's.
pub(crate) fn consume(
    url: &str,
    redsync: &Redsync,
    name: &str,
    claim_after: Duration,
) -> Result<Consumer, BoxError> {
    let open = || redsync_fred::RedisNode::open(url);
    let server = Server::new(open()?, Arc::clone(redsync.runtime()));
    let consumer = Consumer::new(server, open()?, JOBS, GROUP, name);
    Ok(consumer.claim_after(claim_after).delete_done(true))
}
// ANCHOR_END: consume
