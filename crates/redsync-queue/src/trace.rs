//! The spans in which locks go into queues and jobs come out.

#[cfg(feature = "opentelemetry")]
pub(crate) mod context;

use redsync_core::LockToken;
use tracing::{Span, field::Empty, info_span};

use crate::Message;

/// For the way of a lock into a queue.
pub(crate) fn of_hand_over(lock: &str, fence: Option<u64>) -> Span {
    let span = info_span!(
        "hand_over_lock",
        lock,
        fence,
        outcome = Empty,
        otel.kind = Empty,
        otel.status_code = Empty
    );
    #[cfg(feature = "opentelemetry")]
    span.record("otel.kind", "producer");
    span
}

/// For a job. With the feature `opentelemetry` it goes on with the trace that came with the message, or else with the token.
pub(crate) fn of_job<M: Message>(message: &M, token: Option<&LockToken>) -> Span {
    let span = info_span!(
        "process_job",
        lock = token.map(LockToken::name),
        fence = Empty,
        redelivered = message.is_redelivered(),
        attempt = message.attempt(),
        outcome = Empty,
        otel.kind = Empty,
        otel.status_code = Empty,
    );
    #[cfg(feature = "opentelemetry")]
    {
        span.record("otel.kind", "consumer");
        context::follow(&span, message.headers(), token);
    }
    span
}

/// Says of a span that what it is of has failed.
pub(crate) fn failed(span: &Span) {
    if cfg!(feature = "opentelemetry") {
        span.record("otel.status_code", "error");
    }
}
