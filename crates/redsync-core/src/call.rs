//! [`Call`]: one command at one node, from the request to its outcome.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    BoxFuture, Delivery, NodeError, NodeErrorKind, Reply, Request,
    machine::RequestId,
    seat::{ReleaseBy, Seat},
    wire::{Command, Learnt, Native, Outcome},
};

/// Sends a command about a lock, and whatever else it takes to an outcome.
///
/// A type of its own and no `async` block: there is one for each command at each node, and this one needs no box beside the
/// one that the node returns.
pub(crate) struct Call {
    id: RequestId,
    seat: Arc<Seat>,
    command: Command,
    name: Arc<str>,
    stage: Stage,
}

enum Stage {
    /// It was not polled yet.
    New,
    Sent(By, BoxFuture<'static, Result<Reply, NodeError>>),
    /// It has come to its end, or panicked.
    Over,
}

/// How the command goes.
#[derive(Clone, Copy)]
enum By {
    /// In a release that also learns what the server can do itself, in the round trip in which it would have to send the
    /// script's text anyway.
    Learning,
    /// By the server's own command.
    Native(Native),
    /// As it is.
    Itself,
    /// With the script's text, which the server does not know yet.
    Text,
}

impl Call {
    pub(crate) fn new(id: RequestId, seat: Arc<Seat>, command: Command, name: Arc<str>) -> Self {
        Self { id, seat, command, name, stage: Stage::New }
    }

    /// The first request. Only releases go by anything else than the command itself, and not all of them.
    fn first(&self) -> (By, Request) {
        let release = match self.seat.release_by() {
            ReleaseBy::Learning => {
                Native::request_to_learn(&self.command, &self.name).map(|request| (By::Learning, request))
            }
            ReleaseBy::Trying(native) | ReleaseBy::Native(native) => {
                native.request(&self.command, &self.name).map(|request| (By::Native(native), request))
            }
            ReleaseBy::Script => None,
        };
        release.unwrap_or_else(|| self.itself())
    }

    fn send(&self, (by, request): (By, Request)) -> (By, BoxFuture<'static, Result<Reply, NodeError>>) {
        (by, self.seat.call(request))
    }

    fn itself(&self) -> (By, Request) {
        (By::Itself, self.command.request(&self.name))
    }

    /// What comes of an answer: an outcome, or the next request.
    fn take_in(&self, by: By, answer: Result<Reply, NodeError>) -> Result<Outcome, (By, Request)> {
        let outcome = match by {
            By::Learning => self.learn(answer),
            By::Native(native) => self.note_native(native, answer),
            By::Itself => match answer {
                Err(error) if error.code() == Some("NOSCRIPT") => {
                    return Err((By::Text, self.command.request_with_text(&self.name)));
                }
                answer => Some(answer.and_then(|reply| self.command.outcome(&reply))),
            },
            By::Text => Some(answer.and_then(|reply| self.command.outcome(&reply))),
        };
        outcome.map(Outcome::from).ok_or_else(|| self.itself())
    }

    /// There is no outcome where only the plain script will do.
    fn learn(&self, answer: Result<Reply, NodeError>) -> Option<Result<Outcome, NodeError>> {
        match answer.and_then(|reply| Native::learn(&self.command, &reply)) {
            Ok((outcome, learnt)) => {
                match learnt {
                    Some(Learnt::Command(native)) => self.seat.set_release_by(ReleaseBy::Trying(native)),
                    Some(Learnt::NoCommand) => self.seat.set_release_by(ReleaseBy::Script),
                    None => {}
                }
                Some(Ok(outcome))
            }
            Err(error) => self.otherwise(error),
        }
    }

    /// There is no outcome where nothing was deleted: the script tells why. It does as well where the server has lost the
    /// command, say by a fail-over to an older one.
    fn note_native(
        &self,
        native: Native,
        answer: Result<Reply, NodeError>,
    ) -> Option<Result<Outcome, NodeError>> {
        match answer.and_then(|reply| Native::outcome(&reply)) {
            Ok(outcome) => {
                self.seat.set_release_by(ReleaseBy::Native(native));
                outcome.map(Ok)
            }
            Err(error) => {
                // A proxy may answer for the server, or close the connection. That is to happen once.
                let is_trying = self.seat.release_by() == ReleaseBy::Trying(native);
                if error.kind() == NodeErrorKind::Unknown && is_trying {
                    self.seat.set_release_by(ReleaseBy::Script);
                }
                self.otherwise(error)
            }
        }
    }

    /// Leaves releases to the plain script from now on, where the server has no such command or not for this user.
    fn otherwise(&self, error: NodeError) -> Option<Result<Outcome, NodeError>> {
        if error.is_without_command() {
            self.seat.set_release_by(ReleaseBy::Script);
            return None;
        }
        Some(Err(error))
    }
}

impl Future for Call {
    type Output = (RequestId, Outcome);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out, so that a call that panics is not polled again.
        let (mut by, mut reply) = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::New => self.send(self.first()),
            Stage::Sent(by, reply) => (by, reply),
            Stage::Over => return Poll::Pending,
        };
        loop {
            let Poll::Ready(answer) = reply.as_mut().poll(cx) else {
                self.stage = Stage::Sent(by, reply);
                return Poll::Pending;
            };
            match self.take_in(by, answer) {
                Ok(outcome) => {
                    let outcome = as_certain_as(self.seat.node().delivery(), outcome);
                    return Poll::Ready((self.id, outcome));
                }
                Err(next) => (by, reply) = self.send(next),
            }
        }
    }
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
