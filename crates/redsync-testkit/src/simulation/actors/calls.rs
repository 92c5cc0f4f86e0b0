//! How a caller makes a call: it says when it begins and how it ends, and drops some on the way.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use redsync_core::{Error, GuardError, Moment, Released, Runtime};

use super::{
    super::event::{Fault, Op, Outcome, Place, Returned, What},
    Caller, ms,
};
use crate::cancel::drop_after;

/// A call that has begun.
struct Begun {
    op: Op,
    name: Arc<str>,
    at: Moment,
    /// For how long its process had been stalled by then.
    stalled: Duration,
}

impl Caller {
    /// Runs a call to its end, unless its process is killed.
    pub(super) async fn call<T>(
        &self,
        op: Op,
        name: &str,
        call: impl Future<Output = T>,
        outcome: fn(&T) -> Outcome,
    ) -> Option<T> {
        self.call_unless(op, name, call, usize::MAX, outcome).await
    }

    /// Drops the call's future at one of its await points, or when some time has passed.
    pub(super) async fn call_and_drop<T>(
        &self,
        op: Op,
        name: &str,
        call: impl Future<Output = T>,
        outcome: fn(&T) -> Outcome,
    ) -> Option<T> {
        if self.stage.once_in(2) {
            return self.call_unless(op, name, call, self.stage.index(6), outcome).await;
        }
        let limit = self.stage.wait(self.stage.up_to(ms(150)));
        let limited = async {
            match select(pin!(call), limit).await {
                Either::Left((output, _)) => Some(output),
                Either::Right(_) => None,
            }
        };
        let begun = self.begin(op, name);
        let output = limited.await;
        self.end(begun, output.as_ref().map_or(Outcome::Dropped, outcome));
        output
    }

    /// Drops the call's future after so many polls.
    pub(in super::super) async fn call_unless<T>(
        &self,
        op: Op,
        name: &str,
        call: impl Future<Output = T>,
        polls: usize,
        outcome: fn(&T) -> Outcome,
    ) -> Option<T> {
        let begun = self.begin(op, name);
        let output = drop_after(polls, call).await;
        self.end(begun, output.as_ref().map_or(Outcome::Dropped, outcome));
        output
    }

    fn begin(&self, op: Op, name: &str) -> Begun {
        let name: Arc<str> = Arc::from(name);
        self.record(What::Called(op, Arc::clone(&name)));
        Begun { op, name, at: self.stage.world.now(), stalled: self.desk.process.stalled_for() }
    }

    fn end(&self, Begun { op, name, at, stalled }: Begun, outcome: Outcome) {
        let took = self.stage.world.now().since(at);
        let stalled = self.desk.process.stalled_for().saturating_sub(stalled);
        let limit = self.world_time(self.limits.of(op));
        if outcome == Outcome::Dropped {
            self.record(What::Fault(Fault::DropCall, Place::Process(self.desk.number)));
        }
        self.record(What::Returned(Returned { op, name, outcome, took, stalled, limit }));
    }
}

/// What a call came to that is no release.
pub(in super::super) fn failed<T>(result: &Result<T, Error>) -> Outcome {
    result.as_ref().map_or_else(|error| Outcome::Err(error.kind()), |_| Outcome::Ok)
}

/// What a release by value came to.
pub(super) fn unlocked(result: &Result<Released, Error>) -> Outcome {
    result.as_ref().map_or_else(|error| Outcome::Err(error.kind()), |released| Outcome::Released(*released))
}

/// What a call came to that gives the guard back when it fails.
pub(in super::super) fn kept<T>(result: &Result<T, GuardError>) -> Outcome {
    result.as_ref().map_or_else(|error| Outcome::Err(error.kind()), |_| Outcome::Ok)
}

/// What a release of a guard came to.
pub(in super::super) fn released(result: &Result<Released, GuardError>) -> Outcome {
    result.as_ref().map_or_else(|error| Outcome::Err(error.kind()), |released| Outcome::Released(*released))
}
