//! A trace goes through the queue with the lock, as OpenTelemetry's exporter sees it.
#![cfg(all(feature = "channel", feature = "opentelemetry"))]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

use std::time::Duration;

use opentelemetry::{
    SpanId, Value, global,
    trace::{SpanKind, TracerProvider as _},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};
use redsync_core::{LockToken, Redsync};
use redsync_queue::{
    Envelope, PublishError, TOKEN_HEADER, Worker,
    channel::{Headers, Receiver, Sender, channel},
    hand_over,
};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};
use tracing::{Instrument as _, info_span, subscriber::DefaultGuard};
use tracing_subscriber::{layer::SubscriberExt as _, registry};

const WAIT: Duration = Duration::from_secs(600);

struct Shop {
    runtime: VirtualRuntime,
    redsync: Redsync,
    sender: Sender<()>,
    receiver: Receiver<()>,
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
    _subscribed: DefaultGuard,
}

impl Shop {
    fn new() -> Self {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let _subscribed = tracing::subscriber::set_default(registry().with(layer));
        let runtime = VirtualRuntime::new(3);
        let node = MemoryNode::new(runtime.shared());
        let redsync = Redsync::builder(runtime.shared()).node(node).build().expect("a node");
        let (sender, receiver) = channel(runtime.shared(), 16);
        Self { runtime, redsync, sender, receiver, exporter, provider, _subscribed }
    }

    /// Hands a lock over in a span of the handler's, with headers made so.
    fn enqueue(&self, headers: impl Fn(&LockToken) -> Headers) {
        let publish = |token| {
            let headers = headers(&token);
            async { self.sender.send(headers, ()).await.map_err(PublishError::NotPublished) }
        };
        let handler = async {
            let guard = self.redsync.mutex("report:7").fenced().lock().await.expect("free");
            hand_over(guard, WAIT, publish).await.expect("there is room");
        };
        self.runtime.block_on(handler.instrument(info_span!("handler")));
    }

    /// Works on the next message, in a span of the job's own.
    fn process(&mut self, result: Result<(), &'static str>) {
        let Self { runtime, receiver, redsync, .. } = self;
        runtime.block_on(async {
            let message = receiver.receive().await.expect("a message");
            let job = |_| async { result }.instrument(info_span!("job"));
            drop(Worker::new(redsync.clone()).process(&message, job).await);
        });
    }

    fn spans(&self) -> Vec<SpanData> {
        self.provider.force_flush().expect("in memory");
        self.exporter.get_finished_spans().expect("in memory")
    }
}

fn with_context(token: &LockToken) -> Headers {
    let mut headers = Headers::new();
    Envelope::plain().put(token, &mut headers);
    headers
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> Vec<&'a SpanData> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|attribute| &attribute.value)
}

fn assert_below(span: &SpanData, parent: &SpanData) {
    assert_eq!(span.span_context.trace_id(), parent.span_context.trace_id());
    assert_eq!(span.parent_span_id, parent.span_context.span_id(), "{} is not in {}", span.name, parent.name);
}

#[test]
fn the_worker_goes_on_with_the_handlers_trace_at_each_delivery() {
    let mut shop = Shop::new();
    shop.enqueue(with_context);
    shop.process(Err("no paper"));
    shop.process(Ok(()));
    let spans = shop.spans();
    let [handler] = named(&spans, "handler")[..] else { panic!("{spans:?}") };
    let [hand_over] = named(&spans, "hand_over_lock")[..] else { panic!("{spans:?}") };
    assert_eq!(handler.parent_span_id, SpanId::INVALID);
    assert_below(hand_over, handler);
    let (deliveries, jobs) = (named(&spans, "process_job"), named(&spans, "job"));
    for (number, outcome) in ["failed", "done"].into_iter().enumerate() {
        let delivery = deliveries[number];
        assert_below(delivery, hand_over);
        assert!(delivery.parent_span_is_remote);
        assert_below(jobs[number], delivery);
        assert_eq!(attribute(delivery, "outcome"), Some(&outcome.into()));
        assert_eq!(attribute(delivery, "redelivered"), Some(&(number == 1).into()));
        assert_eq!(attribute(delivery, "lock"), Some(&"report:7".into()));
        assert!(attribute(delivery, "fence").is_some());
    }
    assert_eq!((&hand_over.span_kind, &deliveries[0].span_kind), (&SpanKind::Producer, &SpanKind::Consumer));
}

#[test]
fn without_a_context_that_can_be_read_the_workers_span_is_a_root() {
    let damaged = ["", "00", "00-zz-zz-01", "00-00000000000000000000000000000000-0000000000000000-01"];
    for context in damaged.map(Some).into_iter().chain([None]) {
        let mut shop = Shop::new();
        shop.enqueue(|token| {
            let mut headers = Headers::from([(TOKEN_HEADER.to_owned(), token.to_compact())]);
            headers.extend(context.map(|context| ("traceparent".to_owned(), context.to_owned())));
            headers
        });
        shop.process(Ok(()));
        let spans = shop.spans();
        let delivery = named(&spans, "process_job")[0];
        assert_eq!(delivery.parent_span_id, SpanId::INVALID, "{context:?}");
        assert_eq!(attribute(delivery, "outcome"), Some(&"done".into()));
        let handler = named(&spans, "handler")[0];
        assert_ne!(delivery.span_context.trace_id(), handler.span_context.trace_id());
    }
}

#[test]
fn a_context_of_the_callers_goes_along_where_no_span_of_tracing_has_one() {
    use opentelemetry::trace::{TraceContextExt as _, Tracer as _};

    let shop = Shop::new();
    let tracer = shop.provider.tracer("its own API");
    let token = shop.runtime.block_on(async {
        let guard = shop.redsync.mutex("report:7").lock().await.expect("free");
        guard.hand_over(WAIT).await.expect("reachable")
    });
    let context = opentelemetry::Context::new().with_span(tracer.start("own"));
    let _attached = context.clone().attach();
    let trace_id = context.span().span_context().trace_id().to_string();
    assert!(with_context(&token)["traceparent"].contains(&trace_id));
}
