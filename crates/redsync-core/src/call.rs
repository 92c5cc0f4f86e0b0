//! One command at one node, from the request to its outcome.

use std::sync::Arc;

use crate::{
    Node,
    wire::{Command, Outcome},
};

/// Sends `command` about the lock called `name`, with the script's text if the server does not know it yet.
pub(crate) async fn exchange(node: Arc<dyn Node>, command: Command, name: Arc<str>) -> Outcome {
    let result = match node.call(command.request(&name)).await {
        Err(error) if error.code() == Some("NOSCRIPT") => node.call(command.request_with_text(&name)).await,
        result => result,
    };
    Outcome::from(result.and_then(|reply| command.outcome(&reply)))
}
