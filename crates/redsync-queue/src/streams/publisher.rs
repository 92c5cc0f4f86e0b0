//! [`Publisher`]: puts messages into a stream.

use std::sync::Arc;

use redsync_core::{NodeError, NodeErrorKind, Reply};

use super::{BODY, Fields, Server, server::words};
use crate::{Publish, PublishError};

/// Puts messages into a stream. Clones are the same.
#[derive(Clone, Debug)]
pub struct Publisher {
    server: Server,
    stream: Arc<str>,
}

impl Publisher {
    /// Into the stream of this name, which the first message makes.
    pub fn new(server: Server, stream: impl Into<Arc<str>>) -> Self {
        Self { server, stream: stream.into() }
    }

    /// Adds a message to the stream.
    ///
    /// # Errors
    ///
    /// [`PublishError::NotPublished`] where the server cannot have added it: it could not be reached, or turned the command
    /// away. [`PublishError::Unknown`] where its answer was lost, or did not come in time.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the message may have been added, or be added yet.
    pub async fn publish(
        &self,
        headers: Fields,
        body: impl Into<Vec<u8>> + Send,
    ) -> Result<(), PublishError<NodeError>> {
        let mut fields = headers;
        fields.set_value(BODY, body);
        add(&self.server, &self.stream, &fields).await.map_err(|error| {
            let is_certain = matches!(error.kind(), NodeErrorKind::NotSent | NodeErrorKind::Rejected);
            if is_certain { PublishError::NotPublished(error) } else { PublishError::Unknown(error) }
        })
    }
}

impl<B: Into<Vec<u8>> + Send> Publish<B> for Publisher {
    type Headers = Fields;
    type Error = NodeError;

    async fn publish(&self, headers: Fields, body: B) -> Result<(), PublishError<NodeError>> {
        Self::publish(self, headers, body).await
    }
}

/// Adds an entry to a stream.
pub(super) async fn add(server: &Server, stream: &str, fields: &Fields) -> Result<(), NodeError> {
    let fields = fields.iter().flat_map(|(name, value)| [name.to_vec(), value.to_vec()]);
    let words = words(["XADD", stream, "*"]).into_iter().chain(fields).collect();
    match server.ask(words, 1).await? {
        Reply::Text(_) => Ok(()),
        Reply::Nil | Reply::Integer(_) | Reply::Array(_) => {
            Err(NodeError::unknown("a reply that XADD cannot have"))
        }
    }
}
