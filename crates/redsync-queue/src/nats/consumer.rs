//! [`Consumer`]: where messages come out.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{
    AckPolicy, Config, PullConsumer,
    pull::{MessagesErrorKind, Stream},
};
use futures_util::StreamExt;

use super::{Delivery, Error, Publisher};
use crate::Source;

/// What the server waits by itself.
const ACK_WAIT: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(5);
const EXPIRES: Duration = Duration::from_secs(30);

/// Takes messages out of a pull consumer, one after the other.
///
/// It asks the server for one when it is asked for one itself, so that none waits here while the one before is worked on.
/// For work at the same time there are several of them, on clones of the pull consumer.
///
/// It belongs into Tokio, and has to be dropped there.
pub struct Consumer {
    pull: PullConsumer,
    dead_letters: Publisher,
    heartbeat: Duration,
    /// What was asked for. Dropping it takes the question back.
    asked: Option<Stream>,
    /// When it was last looked at.
    left_at: Option<Instant>,
}

impl Consumer {
    /// Of messages whose dead letters go to `dead_letters`.
    ///
    /// # Errors
    ///
    /// [`Error::NotExplicit`] where the consumer does not wait for each message to be acknowledged.
    pub fn new(pull: PullConsumer, dead_letters: Publisher) -> Result<Self, Error> {
        let policy = pull.cached_info().config.ack_policy;
        if policy != AckPolicy::Explicit {
            return Err(Error::NotExplicit(policy));
        }
        Ok(Self { pull, dead_letters, heartbeat: HEARTBEAT, asked: None, left_at: None })
    }

    /// How often the server tells that it is there while there is no message. After twice as long without a word it is
    /// asked anew. 5 s by default.
    #[must_use]
    pub fn heartbeat(self, heartbeat: Duration) -> Self {
        Self { heartbeat, ..self }
    }

    /// Waits for the next message; `None` when the client is closed meanwhile.
    ///
    /// # Errors
    ///
    /// Why the server gives no messages out, such as [`ConsumerDeleted`](MessagesErrorKind::ConsumerDeleted), or
    /// [`NoResponders`](MessagesErrorKind::NoResponders) while it has just started, or that the client was closed before. A
    /// connection that is lost is no error: the client makes it again, and the server is asked again. After an error it can
    /// be called again, better not at once.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, no message is lost: the next call returns the one that has come meanwhile. Where that
    /// call is so late that somebody else may have the message, it is left to the server, which delivers it again.
    pub async fn receive(&mut self) -> Result<Option<Delivery>, Error> {
        let every = a_third(&self.pull.cached_info().config);
        // By then the client would have asked for more by itself, or the time of what has come would be running out.
        if self.left_at.is_some_and(|at| at.elapsed() >= every.min(EXPIRES)) {
            self.asked = None;
        }
        let Self { pull, dead_letters, heartbeat, asked, left_at } = self;
        let _leaving = Leaving(left_at);
        loop {
            let messages = match asked {
                Some(messages) => messages,
                None => asked.insert(ask(pull, *heartbeat).await?),
            };
            let next = messages.next().await;
            *asked = None;
            match next {
                Some(Ok(message)) => return Ok(Some(Delivery::new(message, every, dead_letters.clone()))),
                Some(Err(error)) if error.kind() == MessagesErrorKind::MissingHeartbeat => {
                    tracing::debug!("a server was silent, and is asked for messages again");
                }
                Some(Err(error)) => return Err(Error::Receive(error)),
                None => return Ok(None),
            }
        }
    }
}

impl Source for Consumer {
    type Message = Delivery;
    type Error = Error;

    async fn receive(&mut self) -> Result<Option<Delivery>, Error> {
        Self::receive(self).await
    }
}

/// Notes when somebody has stopped to wait.
struct Leaving<'a>(&'a mut Option<Instant>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        *self.0 = Some(Instant::now());
    }
}

/// Asks for one message. More would be delivered, and their time would run, before they are worked on.
async fn ask(pull: &PullConsumer, heartbeat: Duration) -> Result<Stream, Error> {
    let longest = pull.cached_info().config.max_expires;
    let expires = EXPIRES.max(heartbeat.saturating_mul(2));
    let expires = if longest.is_zero() { expires } else { expires.min(longest) };
    // The server refuses one that comes less than twice.
    let heartbeat = heartbeat.min(expires / 2);
    let question = pull.stream().max_messages_per_batch(1).expires(expires).heartbeat(heartbeat);
    question.messages().await.map_err(Error::Ask)
}

/// A third of the time after which the server delivers a message again that it has not heard of.
fn a_third(config: &Config) -> Duration {
    let waits = config.backoff.iter().chain([&config.ack_wait]).copied();
    waits.filter(|wait| !wait.is_zero()).min().unwrap_or(ACK_WAIT) / 3
}
