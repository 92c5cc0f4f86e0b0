//! [`Consumer`]: reads a stream as one of a group.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use redsync_core::{BoxFuture, Moment, Node, NodeError, Reply};

use super::{
    Delivery, Server,
    delivery::{Desk, Times},
    reply::{self, Entry},
    server::words,
};
use crate::Source;

/// The longest that the server waits for a message before it answers: what others have left is looked for in between.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A consumer of a shorter one would claim its own messages before it has worked on them.
const SHORTEST_CLAIM: Duration = Duration::from_millis(10);

/// Reads a stream as one consumer of a group, and what other consumers of the group have left.
pub struct Consumer {
    desk: Arc<Desk>,
    reader: Server,
    /// What was read or claimed.
    found: VecDeque<(Entry, Times)>,
    /// What is asked and not answered yet: whoever waits for a message may go, and it must not get lost.
    asking: Option<BoxFuture<'static, Result<Asked, NodeError>>>,
    asked_at: Moment,
    /// When to look for what others have left, and from where on.
    claim_at: Moment,
    cursor: Option<String>,
}

enum Asked {
    Read(Reply),
    Claimed(Claimed),
    Grouped,
    Removed,
}

/// What others have left, where to go on looking, and how often the first of it was delivered.
struct Claimed {
    entries: Vec<Entry>,
    cursor: Option<String>,
    deliveries: Option<u64>,
}

impl Consumer {
    /// Reads as `name`, which no other consumer of the group has. The group is made where there is none, for the whole
    /// stream: where the server has lost it, what is still in the stream comes again, done or not.
    ///
    /// `reader` is the same server over a connection of its own, not a clone of the first: what goes over the same one waits
    /// for as long as it does, which is up to a second.
    pub fn new(
        server: Server,
        reader: impl Node,
        stream: impl Into<Arc<str>>,
        group: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
    ) -> Self {
        let stream = stream.into();
        let dead_letters = Arc::from(format!("{stream}:dead-letters"));
        let (reader, claim_at) = (server.over(reader), server.now());
        let (group, name, claim_after, deletes) = (group.into(), name.into(), Duration::from_secs(30), false);
        let desk = Arc::new(Desk { server, stream, group, name, claim_after, dead_letters, deletes });
        let (found, asking, asked_at, cursor) = (VecDeque::new(), None, claim_at, None);
        Self { desk, reader, found, asking, asked_at, claim_at, cursor }
    }

    /// After how long without a word of its consumer a message is another's; 10 ms at least. By default 30 s, and better no
    /// less than the TTL of the locks: a message [to be delivered again](crate::Message::deliver_again) is so after this time
    /// at the latest.
    #[must_use]
    pub fn claim_after(self, claim_after: Duration) -> Self {
        let claim_after = claim_after.max(SHORTEST_CLAIM);
        self.with(|desk| Desk { claim_after, ..desk })
    }

    /// The stream for what nobody is to work on. By default the stream's own name with `:dead-letters`.
    #[must_use]
    pub fn dead_letters(self, stream: impl Into<Arc<str>>) -> Self {
        let dead_letters = stream.into();
        self.with(|desk| Desk { dead_letters, ..desk })
    }

    /// Whether what is done is deleted from the stream, where no other group reads it. By default it stays, and the stream
    /// grows until it is trimmed.
    #[must_use]
    pub fn delete_done(self, deletes: bool) -> Self {
        self.with(|desk| Desk { deletes, ..desk })
    }

    fn with(self, change: impl FnOnce(Desk) -> Desk) -> Self {
        let desk = Arc::new(change(Desk::clone(&self.desk)));
        Self { desk, ..self }
    }

    /// The next message: one that others have left, or a new one.
    ///
    /// # Errors
    ///
    /// A [`NodeError`] when the server cannot be asked. Nothing is lost by that; call it again, after a pause.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, no message is lost: what was asked is heard by the next call.
    pub async fn receive(&mut self) -> Result<Delivery, NodeError> {
        loop {
            if let Some(delivery) = self.next_found() {
                return Ok(delivery);
            }
            let asking = match &mut self.asking {
                Some(asking) => asking,
                none => {
                    self.asked_at = self.desk.server.now();
                    none.insert(self.desk.ask(&self.reader, self.claim_at, self.cursor.as_deref()))
                }
            };
            let asked = asking.await;
            self.asking = None;
            match asked {
                Err(error) if matches!(error.code(), Some("NOGROUP" | "UNBLOCKED")) => {
                    self.asking = Some(self.desk.make_group());
                }
                asked => self.take_in(asked?)?,
            }
        }
    }

    fn next_found(&mut self) -> Option<Delivery> {
        let (entry, times) = self.found.pop_front()?;
        match entry.fields {
            Some(fields) => Some(Delivery::new(entry.id, fields, times, &self.desk)),
            None => {
                self.asking = Some(self.desk.remove(&entry.id));
                None
            }
        }
    }

    fn take_in(&mut self, asked: Asked) -> Result<(), NodeError> {
        // Whoever waited may have turned to something else for so long that another consumer has the message, or has done
        // the job. If it still waits it is claimed.
        if self.desk.server.now().since(self.asked_at) >= self.desk.claim_after {
            return Ok(());
        }
        match asked {
            Asked::Read(reply) => {
                self.found.extend(reply::read(reply)?.into_iter().map(|entry| (entry, Times::First)));
            }
            Asked::Claimed(Claimed { entries, cursor, deliveries }) => {
                if cursor.is_none() {
                    self.claim_at = self.desk.server.now().plus(LONGEST_WAIT.min(self.desk.claim_after / 4));
                }
                self.cursor = cursor;
                self.found.extend(entries.into_iter().map(|entry| (entry, Times::Again(deliveries))));
            }
            Asked::Grouped | Asked::Removed => {}
        }
        Ok(())
    }
}

impl Source for Consumer {
    type Message = Delivery;
    type Error = NodeError;

    async fn receive(&mut self) -> Result<Option<Delivery>, NodeError> {
        Self::receive(self).await.map(Some)
    }
}

impl Desk {
    /// Looks for what others have left when it is time, or else waits for something new.
    fn ask(
        &self,
        reader: &Server,
        claim_at: Moment,
        cursor: Option<&str>,
    ) -> BoxFuture<'static, Result<Asked, NodeError>> {
        let Self { server, stream, group, name, .. } = self;
        let left = claim_at.since(server.now());
        if left.is_zero() {
            let (desk, from) = (self.clone(), cursor.unwrap_or("0-0").to_owned());
            return Box::pin(async move { desk.claim(&from).await.map(Asked::Claimed) });
        }
        // No wait at all would be one without end.
        let wait = left.clamp(Duration::from_millis(1), LONGEST_WAIT);
        let block = wait.as_millis().to_string();
        let words = words([
            "XREADGROUP",
            "GROUP",
            group,
            name,
            "COUNT",
            "1",
            "BLOCK",
            &block,
            "STREAMS",
            stream,
            ">",
        ]);
        let reader = reader.clone();
        Box::pin(async move { reader.ask_after(wait, words, 9).await.map(Asked::Read) })
    }

    /// Claims what others have left.
    async fn claim(&self, from: &str) -> Result<Claimed, NodeError> {
        let Self { server, stream, group, name, claim_after, .. } = self;
        let idle = claim_after.as_millis().to_string();
        // One at a time: what a consumer has claimed and does not work on waits for nothing.
        let claim = words(["XAUTOCLAIM", stream, group, name, &idle, from, "COUNT", "1"]);
        let (cursor, entries) = reply::claimed(server.ask(claim, 1).await?)?;
        let deliveries = match entries.first() {
            Some(Entry { id, fields: Some(_) }) => self.deliveries(id).await,
            Some(Entry { fields: None, .. }) | None => None,
        };
        Ok(Claimed { entries, cursor, deliveries })
    }

    /// How often a message was delivered. It is claimed by now, and worked on also where this cannot be told.
    async fn deliveries(&self, id: &str) -> Option<u64> {
        let pending = words(["XPENDING", &self.stream, &self.group, id, id, "1"]);
        let told = self.server.ask(pending, 1).await.and_then(reply::deliveries);
        told.unwrap_or_else(|error| {
            tracing::warn!(%error, "a server did not say how often a message was delivered");
            None
        })
    }

    fn make_group(&self) -> BoxFuture<'static, Result<Asked, NodeError>> {
        let (server, words) =
            (self.server.clone(), words(["XGROUP", "CREATE", &self.stream, &self.group, "0", "MKSTREAM"]));
        Box::pin(async move {
            match server.ask(words, 2).await {
                // Another consumer was faster.
                Err(error) if error.code() == Some("BUSYGROUP") => Ok(Asked::Grouped),
                made => made.map(|_| Asked::Grouped),
            }
        })
    }

    /// Nobody can work on what was deleted from the stream.
    fn remove(&self, id: &str) -> BoxFuture<'static, Result<Asked, NodeError>> {
        let (server, words) = (self.server.clone(), words(["XACK", &self.stream, &self.group, id]));
        Box::pin(async move { server.ask(words, 1).await.map(|_| Asked::Removed) })
    }
}
