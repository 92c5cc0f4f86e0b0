//! How the context of a trace is written into the headers of a message, and read from them.

use std::{borrow::Cow, collections::HashMap};

use opentelemetry::{Context, global, propagation::Injector, trace::TraceContextExt as _};
use redsync_core::LockToken;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::Carrier;

/// Puts the context of the current span into the headers.
pub(crate) fn inject(headers: &mut impl Carrier) {
    let of_span = Span::current().context();
    // Where the span is not for OpenTelemetry, or comes from its own API, that still knows what goes on.
    let context = if of_span.has_active_span() { of_span } else { Context::current() };
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut Writer(headers)));
}

/// What a token's context is called where it stands alone.
const TRACEPARENT: &str = "traceparent";

/// Lets the span, which has not begun yet, go on with the trace in the headers, or else with the token's; without one it stays
/// where it is.
pub(crate) fn follow(span: &Span, headers: &(impl Carrier + ?Sized), token: Option<&LockToken>) {
    let of_headers = extract(|field| headers.get(field).map(Cow::into_owned));
    let parent = if of_headers.has_active_span() { of_headers } else { of_token(token) };
    if parent.has_active_span() {
        // Without a layer for OpenTelemetry, or one that wants this span, there is nothing to be done.
        drop(span.set_parent(parent));
    }
}

fn of_token(token: Option<&LockToken>) -> Context {
    let context = token.and_then(LockToken::trace_context);
    extract(|field| context.filter(|_| field == TRACEPARENT).map(str::to_owned))
}

/// By the values of those fields, in lower case, that the propagator looks for.
fn extract(value: impl Fn(&str) -> Option<String>) -> Context {
    global::get_text_map_propagator(|propagator| {
        let read = |field: &str| {
            let field = field.to_lowercase();
            value(&field).map(|value| (field, value))
        };
        let found: HashMap<String, String> = propagator.fields().filter_map(read).collect();
        propagator.extract_with_context(&Context::new(), &found)
    })
}

/// Headers as OpenTelemetry wants them.
struct Writer<'a, C>(&'a mut C);

impl<C: Carrier> Injector for Writer<'_, C> {
    /// Leaves out what could not go into every header: no trace is worth a message.
    fn set(&mut self, key: &str, value: String) {
        let is_header = |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_header(key) && is_header(&value) {
            self.0.set(&key.to_lowercase(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_no_header_can_carry_is_left_out() {
        let mut headers = BTreeMap::<String, String>::new();
        let mut writer = Writer(&mut headers);
        for (key, value) in
            [("X-B3-TraceId", "80f1"), ("tracestate", ""), ("baggage", "two\r\nlines"), ("größe", "1")]
        {
            writer.set(key, value.to_owned());
        }
        assert_eq!(headers, BTreeMap::from([("x-b3-traceid".to_owned(), "80f1".to_owned())]));
    }
}
