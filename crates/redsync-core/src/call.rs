//! One command at one node, from the request to its outcome.

use std::sync::Arc;

use crate::{
    Delivery, NodeError, NodeErrorKind,
    seat::{ReleaseBy, Seat},
    wire::{Command, Learnt, Native, Outcome},
};

/// Sends `command` about the lock called `name`, and whatever else it takes to an outcome.
pub(crate) async fn exchange(seat: Arc<Seat>, command: Command, name: Arc<str>) -> Outcome {
    let early = match seat.release_by() {
        ReleaseBy::Learning => learning(&seat, &command, &name).await,
        ReleaseBy::Trying(native) | ReleaseBy::Native(native) => {
            natively(&seat, native, &command, &name).await
        }
        ReleaseBy::Script => None,
    };
    let outcome = match early {
        Some(outcome) => Outcome::from(outcome),
        None => Outcome::from(plainly(&seat, &command, &name).await),
    };
    as_certain_as(seat.node().delivery(), outcome)
}

/// Sends `command` as it is, with the script's text if the server does not know it yet.
async fn plainly(seat: &Seat, command: &Command, name: &Arc<str>) -> Result<Outcome, NodeError> {
    let reply = match seat.call(command.request(name)).await {
        Err(error) if error.code() == Some("NOSCRIPT") => seat.call(command.request_with_text(name)).await?,
        result => result?,
    };
    command.outcome(&reply)
}

/// Sends a release that also learns what the server can do itself, in the round trip in which it would have to
/// send the script's text anyway. There is no outcome for other commands, nor where only the plain script will do.
async fn learning(seat: &Seat, command: &Command, name: &Arc<str>) -> Option<Result<Outcome, NodeError>> {
    let reply = seat.call(Native::request_to_learn(command, name)?).await;
    match reply.and_then(|reply| Native::learn(command, &reply)) {
        Ok((outcome, learnt)) => {
            match learnt {
                Some(Learnt::Command(native)) => seat.set_release_by(ReleaseBy::Trying(native)),
                Some(Learnt::NoCommand) => seat.set_release_by(ReleaseBy::Script),
                None => {}
            }
            Some(Ok(outcome))
        }
        Err(error) => otherwise(seat, error),
    }
}

/// Sends a release by the server's own command. There is no outcome for other commands, nor where nothing was
/// deleted: the script tells why. It does as well where the server has lost the command, say by a fail-over to
/// an older one.
async fn natively(
    seat: &Seat,
    native: Native,
    command: &Command,
    name: &Arc<str>,
) -> Option<Result<Outcome, NodeError>> {
    match seat.call(native.request(command, name)?).await.and_then(|reply| Native::outcome(&reply)) {
        Ok(outcome) => {
            seat.set_release_by(ReleaseBy::Native(native));
            outcome.map(Ok)
        }
        Err(error) => {
            // A proxy may answer for the server, or close the connection. That is to happen once.
            if error.kind() == NodeErrorKind::Unknown && seat.release_by() == ReleaseBy::Trying(native) {
                seat.set_release_by(ReleaseBy::Script);
            }
            otherwise(seat, error)
        }
    }
}

/// Leaves releases to the plain script from now on, where the server has no such command or not for this user.
fn otherwise(seat: &Seat, error: NodeError) -> Option<Result<Outcome, NodeError>> {
    if error.is_without_command() {
        seat.set_release_by(ReleaseBy::Script);
        return None;
    }
    Some(Err(error))
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
