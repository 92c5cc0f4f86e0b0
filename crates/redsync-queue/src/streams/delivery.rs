//! [`Delivery`]: a message that was read from a stream.

use std::{sync::Arc, time::Duration};

use redsync_core::{NodeError, Reply};

use super::{BODY, Fields, Server, publisher::add, server::words};
use crate::{Message, WHY_HEADER, settlement::Settlement};

/// What a consumer and its deliveries share.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) server: Server,
    pub(super) stream: Arc<str>,
    pub(super) group: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) claim_after: Duration,
    pub(super) dead_letters: Arc<str>,
    pub(super) deletes: bool,
}

/// A message that was read from a stream. It is this consumer's until it is settled, or until nothing was heard of it for the
/// time of [`Consumer::claim_after`](super::Consumer::claim_after).
#[derive(Debug)]
pub struct Delivery {
    id: String,
    fields: Fields,
    times: Times,
    settlement: Settlement,
    desk: Arc<Desk>,
}

/// How often a message was delivered so far.
#[derive(Clone, Copy, Debug)]
pub(super) enum Times {
    /// This is the first.
    First,
    /// So often, if the server has said so, without those that were put off.
    Again(Option<u64>),
}

impl Delivery {
    pub(super) fn new(id: String, fields: Fields, times: Times, desk: &Arc<Desk>) -> Self {
        Self { id, fields, times, settlement: Settlement::default(), desk: Arc::clone(desk) }
    }

    /// Its body; empty where there is none.
    pub fn body(&self) -> &[u8] {
        self.fields.value(BODY).unwrap_or_default()
    }

    /// Its id in the stream.
    pub fn id(&self) -> &str {
        &self.id
    }

    async fn finish(&self) -> Result<(), NodeError> {
        let Desk { server, stream, group, deletes, .. } = &*self.desk;
        // Before it is acknowledged: what fails in between is found by the next claim, and nobody looks for what was
        // acknowledged and not deleted.
        if *deletes {
            server.ask(words(["XDEL", stream, &self.id]), 1).await?;
        }
        server.ask(words(["XACK", stream, group, &self.id]), 1).await.map(drop)
    }

    /// Makes it look as if nothing was heard of it for this long, after so many deliveries if that is given, and says whether
    /// the group still waits for it: another consumer may have acknowledged it, or somebody trimmed it away. One that has
    /// claimed it by now works on it only if he gets the lock.
    async fn claim(&self, idle: Duration, deliveries: Option<u64>) -> Result<bool, NodeError> {
        let Desk { server, stream, group, name, .. } = &*self.desk;
        let idle = idle.as_millis().to_string();
        // Not counted as a delivery.
        let mut claim = words(["XCLAIM", stream, group, name, "0", &self.id, "IDLE", &idle, "JUSTID"]);
        if let Some(deliveries) = deliveries {
            claim.extend(words(["RETRYCOUNT", &deliveries.to_string()]));
        }
        let reply = server.ask(claim, 1).await?;
        Ok(matches!(reply, Reply::Array(ids) if !ids.is_empty()))
    }

    async fn claim_or_fail(&self, idle: Duration, deliveries: Option<u64>) -> Result<(), NodeError> {
        if self.claim(idle, deliveries).await? {
            return Ok(());
        }
        Err(NodeError::not_sent(
            "the group does not wait for this message: it was acknowledged, or trimmed away",
        ))
    }

    /// Has it claimed after this time, and counts so many deliveries by then, where that is given.
    async fn leave(&self, after: Duration, deliveries: Option<u64>) -> Result<(), NodeError> {
        // A server does not let a message be claimed later than that.
        let idle = self.desk.claim_after.saturating_sub(after);
        self.settlement.by(self.claim_or_fail(idle, deliveries)).await
    }
}

impl Message for Delivery {
    type Headers = Fields;
    type Error = NodeError;

    fn headers(&self) -> &Fields {
        &self.fields
    }

    fn is_redelivered(&self) -> bool {
        matches!(self.times, Times::Again(_))
    }

    /// What the server counts: deliveries by which the message was read or claimed, as when its worker was gone.
    fn attempt(&self) -> Option<u64> {
        match self.times {
            Times::First => Some(1),
            Times::Again(deliveries) => deliveries,
        }
    }

    async fn acknowledge(&self) -> Result<(), NodeError> {
        self.settlement.by(self.finish()).await
    }

    async fn deliver_again(&self, after: Duration) -> Result<(), NodeError> {
        self.leave(after, None).await
    }

    async fn put_off(&self, after: Duration) -> Result<(), NodeError> {
        self.leave(after, self.attempt().map(|attempt| attempt.saturating_sub(1))).await
    }

    /// Adds a copy to the stream for dead letters, and then acknowledges the message. Where the second has failed, only that
    /// is done again.
    async fn dead_letter(&self, why: &str) -> Result<(), NodeError> {
        let copy = async {
            let mut fields = self.fields.clone();
            fields.set_value(WHY_HEADER, why);
            add(&self.desk.server, &self.desk.dead_letters, &fields).await
        };
        self.settlement.by_copy(copy, self.finish()).await
    }

    fn keep_alive_every(&self) -> Option<Duration> {
        Some(self.desk.claim_after / 3)
    }

    async fn keep_alive(&self) -> Result<(), NodeError> {
        self.claim_or_fail(Duration::ZERO, None).await
    }

    async fn is_settled(&self) -> Result<bool, NodeError> {
        self.claim(Duration::ZERO, None).await.map(|is_waited_for| !is_waited_for)
    }
}
