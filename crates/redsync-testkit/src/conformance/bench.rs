//! [`Bench`]: the server that a case works on, and what can be done to it.

use std::sync::Arc;

use redsync_core::{BoxFuture, Node, wire::Native};

/// A server for one case. What is done to it lasts until [`Bench::relieve`].
pub trait Bench: Send + Sync {
    /// Opens a node with a connection of its own to the server.
    fn node(&self) -> BoxFuture<'_, Arc<dyn Node>>;

    /// Opens a node behind what can refuse commands and cut connections.
    fn troubled_node(&self) -> BoxFuture<'_, Arc<dyn Node>>;

    /// Opens a node as the user `locker` with the password `secret`.
    fn node_as_user(&self) -> BoxFuture<'_, Arc<dyn Node>>;

    /// Executes a command as another client, and returns the text or number of the reply, if it has one.
    fn execute(&self, args: &[&str]) -> Option<String>;

    /// Returns how many commands of this name clients have sent.
    fn calls(&self, command: &str) -> usize;

    /// Returns how many commands of this name troubled nodes have sent, also of those that were lost.
    fn sent(&self, command: &str) -> usize;

    /// Takes the right to a command from every user.
    fn forbid(&self, command: &str);

    /// Leaves the user of [`Bench::node_as_user`] the right to this one key.
    fn confine(&self, key: &str);

    /// Makes the server a replica.
    fn make_replica(&self);

    /// Leaves the server without memory for writes.
    fn exhaust_memory(&self);

    /// Has commands of locks answered with this error, of troubled nodes.
    fn refuse(&self, error: &str);

    /// Loses commands of this name and the connection, of troubled nodes.
    fn lose_requests(&self, command: &str);

    /// Loses the replies to commands of this name and the connection, of troubled nodes.
    fn lose_replies(&self, command: &str);

    /// Has the server know a compare-and-delete, of troubled nodes.
    fn teach(&self, native: Native);

    /// Makes the server forget all scripts.
    fn flush_scripts(&self);

    /// Stops the server's process, which keeps its connections.
    fn pause(&self);

    /// Kills the server.
    fn kill(&self);

    /// Restarts the server without its data.
    fn restart_empty(&self);

    /// Ends every trouble.
    fn relieve(&self);
}
