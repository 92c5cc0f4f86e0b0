//! [`Held`]: a request that waits at a paused server.

use std::{fmt, sync::Arc};

use redsync_core::Request;

use super::server::Server;

/// A request that waits at a paused [`MemoryNode`](super::MemoryNode), to be let go by itself.
///
/// Requests can so be executed, and answered, in any order. One that was answered, or whose connection broke,
/// is not held any more, and no method has an effect on it.
#[must_use]
pub struct Held {
    server: Arc<Server>,
    id: u64,
    request: Request,
}

impl Held {
    pub(super) fn all(server: &Arc<Server>) -> Vec<Self> {
        let held = |(id, request): (u64, &Request)| Self {
            server: Arc::clone(server),
            id,
            request: request.clone(),
        };
        server.with(|state| state.waiting().map(held).collect())
    }

    /// What is asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Executes the request, and keeps the reply back.
    ///
    /// Called again it executes the request again, as a server does when a client re-sends it; the caller
    /// gets the last reply.
    pub fn execute(&self) {
        self.server.with(|state| state.execute_in_flight(self.id));
    }

    /// Answers the caller at once, after executing the request if that was not done.
    pub fn reply(&self) {
        self.server.with(|state| state.deliver(self.id));
    }

    /// Breaks the caller's connection: the request may have been executed, for all that the caller knows.
    pub fn lose(&self) {
        self.server.with(|state| state.break_off(self.id));
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("request", &self.request).finish_non_exhaustive()
    }
}
