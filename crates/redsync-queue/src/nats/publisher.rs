//! [`Publisher`]: where messages go in.

use std::error::Error as _;

use async_nats::{
    HeaderMap, Subject,
    jetstream::{self, Context, ErrorCode, context::PublishErrorKind},
};
use bytes::Bytes;

use super::Error;
use crate::{Publish, PublishError};

/// Why a stream that stores nothing more says so: it had not begun to write the message down.
const FULL: [&str; 3] =
    ["maximum messages exceeded", "maximum bytes exceeded", "maximum messages per subject exceeded"];

/// Publishes messages to a subject that a stream listens to. Clones are the same.
#[derive(Clone, Debug)]
pub struct Publisher {
    jetstream: Context,
    subject: Subject,
}

impl Publisher {
    /// To this subject. The context's time-out is how long it waits to send, and then to be confirmed.
    pub fn new(jetstream: Context, subject: impl Into<Subject>) -> Self {
        Self { jetstream, subject: subject.into() }
    }

    /// Publishes a message, and returns once the stream has confirmed that it is stored.
    ///
    /// # Errors
    ///
    /// [`NotPublished`](PublishError::NotPublished) where no stream listens to the subject, where the stream is sealed or
    /// full or the message too large, and where nothing was sent: the client is closed, or its queue full for all of the
    /// time-out.
    ///
    /// [`Unknown`](PublishError::Unknown) otherwise. The client keeps what it cannot send while it is disconnected, and
    /// sends it when it is connected again, so that a message may be stored long after its time-out. A message that the user
    /// has no permission to publish times out as well. One whose `Nats-Msg-Id` the stream knows is not stored: it may be the
    /// same as the one before.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nobody knows whether the message was published.
    pub async fn publish(
        &self,
        headers: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<(), PublishError<Error>> {
        let sent = self.jetstream.publish_with_headers(self.subject.clone(), headers, body.into()).await;
        // Whatever has failed by now, the message is not in the client's queue.
        let confirmed = sent.map_err(|error| PublishError::NotPublished(Error::Publish(error)))?;
        match confirmed.await {
            Ok(receipt) if receipt.duplicate => Err(PublishError::Unknown(Error::Duplicate)),
            Ok(_) => Ok(()),
            Err(error) if is_refused(&error) => Err(PublishError::NotPublished(Error::Publish(error))),
            Err(error) => Err(PublishError::Unknown(Error::Publish(error))),
        }
    }
}

impl<B: Into<Bytes> + Send> Publish<B> for Publisher {
    type Headers = HeaderMap;
    type Error = Error;

    async fn publish(&self, headers: HeaderMap, body: B) -> Result<(), PublishError<Error>> {
        Self::publish(self, headers, body).await
    }
}

/// Whether a stream has said that it will not have the message, or no stream was there to ask. Whatever else a stream
/// says, such as that a write has failed, may come after the message has reached its disk or its replicas.
fn is_refused(error: &jetstream::context::PublishError) -> bool {
    match error.kind() {
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::MaxPayloadExceeded => true,
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => false,
        PublishErrorKind::Other => {
            let said = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
            said.is_some_and(is_refusal)
        }
    }
}

fn is_refusal(said: &jetstream::Error) -> bool {
    let code = said.error_code();
    let before_storing = [
        ErrorCode::STREAM_SEALED,
        ErrorCode::STREAM_NOT_MATCH,
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM,
        ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM,
    ];
    let is_full = || FULL.iter().any(|full| said.to_string().starts_with(full));
    before_storing.contains(&code) || (code == ErrorCode::STREAM_STORE_FAILED && is_full())
}
