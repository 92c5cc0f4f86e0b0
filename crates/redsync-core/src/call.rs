//! One command at one node, from the request to its outcome.

use std::sync::Arc;

use crate::{
    Delivery, Node, NodeErrorKind,
    wire::{Command, Outcome},
};

/// Sends `command` about the lock called `name`, with the script's text if the server does not know it yet.
pub(crate) async fn exchange(node: Arc<dyn Node>, command: Command, name: Arc<str>) -> Outcome {
    let result = match node.call(command.request(&name)).await {
        Err(error) if error.code() == Some("NOSCRIPT") => node.call(command.request_with_text(&name)).await,
        result => result,
    };
    let outcome = Outcome::from(result.and_then(|reply| command.outcome(&reply)));
    as_certain_as(node.delivery(), outcome)
}

/// Where a client sends a request again by itself, a rejection speaks of the last copy only: an earlier one may
/// have been executed.
fn as_certain_as(delivery: Delivery, outcome: Outcome) -> Outcome {
    match (delivery, outcome) {
        (Delivery::MayRepeat, Outcome::Failed(error)) if error.kind() == NodeErrorKind::Rejected => {
            Outcome::Unknown(error)
        }
        (Delivery::MayRepeat | Delivery::AtMostOnce, outcome) => outcome,
    }
}
