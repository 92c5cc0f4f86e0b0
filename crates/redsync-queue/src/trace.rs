//! The spans in which locks go into queues and jobs come out.

#[cfg(feature = "opentelemetry")]
pub(crate) mod context;

use tracing::{Span, field::Empty, info_span};

use crate::Message;

/// For the way of a lock into a queue.
pub(crate) fn of_hand_over(lock: &str, fence: Option<u64>) -> Span {
    let span = info_span!("hand_over_lock", lock, fence, outcome = Empty, otel.kind = Empty);
    #[cfg(feature = "opentelemetry")]
    span.record("otel.kind", "producer");
    span
}

/// For a job. With the feature `opentelemetry` it goes on with the trace that came with the message.
pub(crate) fn of_job<M: Message>(message: &M) -> Span {
    let span = info_span!(
        "process_job",
        lock = Empty,
        fence = Empty,
        redelivered = message.is_redelivered(),
        attempt = message.attempt(),
        outcome = Empty,
        otel.kind = Empty,
    );
    #[cfg(feature = "opentelemetry")]
    {
        span.record("otel.kind", "consumer");
        context::follow(&span, message.headers());
    }
    span
}
