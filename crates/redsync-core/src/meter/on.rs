//! Counts, gauges and histograms by the names of [`metrics`](crate::metrics).

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use ::metrics::{Gauge, SharedString, counter, gauge, histogram};

use super::By;
use crate::{
    BoxFuture, Error, ErrorKind, Loss, Moment, Node, NodeError, NodeErrorKind, Reply, Runtime,
    held::Ending,
    metrics::{
        ACQUIRED, ANSWER_SECONDS, HELD, HELD_SECONDS, LOST, NODE_ERRORS, REFUSED, UNANSWERED, WAIT_SECONDS,
        WAITING,
    },
    redsync::World,
};

/// The call's future was dropped.
const DROPPED: &str = "dropped";

/// One of what a gauge counts, until it is dropped. The recorder that was told of its beginning is told of its end: one that
/// was installed in between would come to less than nothing.
struct One(Gauge);

impl One {
    fn of(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// A call that waits for a lock. One that is dropped has been refused as well.
pub(crate) struct Waiting {
    runtime: Arc<dyn Runtime>,
    begun: Moment,
    refused: Option<&'static str>,
    _one: One,
}

impl Waiting {
    pub(crate) fn begin(world: &World) -> Self {
        let (runtime, one) = (Arc::clone(&world.runtime), One::of(gauge!(WAITING)));
        Self { begun: runtime.now(), runtime, refused: Some(DROPPED), _one: one }
    }

    /// The call has come to this.
    pub(crate) fn end<T>(mut self, result: &Result<T, Error>) {
        self.refused = result.as_ref().err().map(|error| name_of_error(error.kind()));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let outcome = match self.refused {
            Some(kind) => {
                counter!(REFUSED, "kind" => kind).increment(1);
                "refused"
            }
            None => "acquired",
        };
        let seconds = self.runtime.now().since(self.begun).as_secs_f64();
        histogram!(WAIT_SECONDS, "outcome" => outcome).record(seconds);
    }
}

/// A lock that is held.
pub(crate) struct Hold {
    runtime: Arc<dyn Runtime>,
    begun: Moment,
    /// The gauge that it is counted by.
    held: Gauge,
    is_lost: AtomicBool,
    is_over: AtomicBool,
}

impl Hold {
    /// The lock was just taken.
    pub(crate) fn begin(world: &World, by: By) -> Self {
        counter!(ACQUIRED, "by" => name_of_way(by)).increment(1);
        let held = gauge!(HELD);
        held.increment(1);
        let (runtime, no) = (Arc::clone(&world.runtime), || AtomicBool::new(false));
        Self { begun: runtime.now(), runtime, held, is_lost: no(), is_over: no() }
    }

    /// The lock is lost, or whoever uses it was told so. Only the first time counts.
    pub(crate) fn lose(&self, loss: Loss) {
        let Some(reason) = name_of_loss(loss) else { return };
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            counter!(LOST, "reason" => reason).increment(1);
        }
        if loss == Loss::Gone {
            self.close("lost", self.runtime.now());
        }
    }

    /// This process has the lock no more, which was valid until then. Only the first time counts.
    pub(crate) fn end(&self, ending: Option<Ending>, valid_until: Moment) {
        let now = self.runtime.now();
        let ending = match ending {
            // By then it is the token that is valid, and for longer.
            Some(Ending::HandedOver) => "handed_over",
            _ if valid_until <= now => "lost",
            Some(Ending::Released) => "released",
            Some(Ending::HandedBack) => "handed_back",
            None => "left",
        };
        if self.close(ending, now.min(valid_until)) && ending == "lost" {
            self.lose(Loss::Expiring);
        }
    }

    /// Says whether it was the first time.
    fn close(&self, ending: &'static str, at: Moment) -> bool {
        let is_first = !self.is_over.swap(true, Ordering::Relaxed);
        if is_first {
            self.held.decrement(1);
            let seconds = at.since(self.begun).as_secs_f64();
            histogram!(HELD_SECONDS, "ending" => ending).record(seconds);
        }
        is_first
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("begun", &self.begun).finish_non_exhaustive()
    }
}

/// A node that is asked.
pub(crate) struct NodeMeter {
    runtime: Arc<dyn Runtime>,
    label: SharedString,
}

impl NodeMeter {
    pub(crate) fn new(node: &dyn Node, runtime: &Arc<dyn Runtime>) -> Self {
        let label = SharedString::from_shared(Arc::from(node.label()));
        Self { runtime: Arc::clone(runtime), label }
    }

    /// Measures a call of the node.
    pub(crate) fn measure(
        &self,
        call: BoxFuture<'static, Result<Reply, NodeError>>,
    ) -> BoxFuture<'static, Result<Reply, NodeError>> {
        let one = One::of(gauge!(UNANSWERED, "node" => self.label.clone()));
        let (runtime, label) = (Arc::clone(&self.runtime), self.label.clone());
        Box::pin(Measured { call, begun: runtime.now(), runtime, label, is_answered: false, _one: one })
    }
}

/// A request to a node. One that is dropped was not answered for as long as anybody was interested.
struct Measured {
    call: BoxFuture<'static, Result<Reply, NodeError>>,
    runtime: Arc<dyn Runtime>,
    begun: Moment,
    label: SharedString,
    is_answered: bool,
    _one: One,
}

impl Measured {
    fn end(&mut self, answer: &Result<Reply, NodeError>) {
        self.is_answered = true;
        if let Err(error) = answer
            // Every script goes by its digest first.
            && error.code() != Some("NOSCRIPT")
        {
            self.count_error(name_of_node_error(error.kind()));
        }
        if !matches!(answer, Err(error) if error.kind() == NodeErrorKind::NotSent) {
            let seconds = self.runtime.now().since(self.begun).as_secs_f64();
            histogram!(ANSWER_SECONDS, "node" => self.label.clone()).record(seconds);
        }
    }

    fn count_error(&self, kind: &'static str) {
        counter!(NODE_ERRORS, "node" => self.label.clone(), "kind" => kind).increment(1);
    }
}

impl Future for Measured {
    type Output = Result<Reply, NodeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.call.as_mut().poll(cx);
        if let Poll::Ready(answer) = &answer {
            self.end(answer);
        }
        answer
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        if !self.is_answered {
            self.count_error("unanswered");
        }
    }
}

/// Has the counters of what may happen to any lock begin at zero.
pub(crate) fn begin_counters() {
    for by in [By::Lock, By::Adopt] {
        counter!(ACQUIRED, "by" => name_of_way(by)).increment(0);
    }
    for reason in [Loss::Expiring, Loss::Gone, Loss::LimitReached].into_iter().filter_map(name_of_loss) {
        counter!(LOST, "reason" => reason).increment(0);
    }
    let errors = [
        ErrorKind::InvalidOption,
        ErrorKind::Taken,
        ErrorKind::HeldUnderThisValue,
        ErrorKind::Unreachable,
        ErrorKind::Expired,
        ErrorKind::Lost,
        ErrorKind::AlreadyAdopted,
        ErrorKind::Cancelled,
        ErrorKind::NoValue,
    ];
    for kind in errors.map(name_of_error).into_iter().chain([DROPPED]) {
        counter!(REFUSED, "kind" => kind).increment(0);
    }
}

fn name_of_way(by: By) -> &'static str {
    match by {
        By::Lock => "lock",
        By::Adopt => "adopt",
    }
}

/// What is given back is not lost.
fn name_of_loss(loss: Loss) -> Option<&'static str> {
    match loss {
        Loss::Expiring => Some("expiring"),
        Loss::Gone => Some("gone"),
        Loss::LimitReached => Some("limit_reached"),
        Loss::GivenBack => None,
    }
}

fn name_of_error(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidOption => "invalid_option",
        ErrorKind::Taken => "taken",
        ErrorKind::HeldUnderThisValue => "held_under_this_value",
        ErrorKind::Unreachable => "unreachable",
        ErrorKind::Expired => "expired",
        ErrorKind::Lost => "lost",
        ErrorKind::AlreadyAdopted => "already_adopted",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::NoValue => "no_value",
    }
}

fn name_of_node_error(kind: NodeErrorKind) -> &'static str {
    match kind {
        NodeErrorKind::NotSent => "not_sent",
        NodeErrorKind::Rejected => "rejected",
        NodeErrorKind::Unknown => "unknown",
    }
}
