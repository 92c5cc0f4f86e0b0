//! A trace goes through the queue with the lock, as OpenTelemetry's exporter sees it.
#![cfg(all(feature = "channel", feature = "opentelemetry"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests state what they expect"
)]

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use opentelemetry::{
    SpanId, Value, global,
    trace::{SpanKind, Status, TracerProvider as _},
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

    fn process(&mut self, result: Result<(), &'static str>) {
        self.process_by(|| result);
    }

    /// Works on the next message, in a span of the job's own.
    fn process_by(&mut self, work: impl FnOnce() -> Result<(), &'static str>) {
        let Self { runtime, receiver, redsync, .. } = self;
        runtime.block_on(async {
            let message = receiver.receive().await.expect("a message");
            let job = |_| async { work() }.instrument(info_span!("job"));
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
fn where_the_headers_have_no_context_the_tokens_is_gone_on_with() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";
    for in_headers in [false, true] {
        let mut shop = Shop::new();
        shop.enqueue(|token| {
            let token = token.clone().with_trace_context(format!("00-{TRACE}-{SPAN}-01"));
            match in_headers {
                true => with_context(&token),
                false => Headers::from([(TOKEN_HEADER.to_owned(), token.to_compact())]),
            }
        });
        shop.process(Ok(()));
        let spans = shop.spans();
        let (delivery, hand_over) = (named(&spans, "process_job")[0], named(&spans, "hand_over_lock")[0]);
        if in_headers {
            assert_below(delivery, hand_over);
        } else {
            let of_delivery =
                (delivery.span_context.trace_id().to_string(), delivery.parent_span_id.to_string());
            assert_eq!(of_delivery, (TRACE.to_owned(), SPAN.to_owned()));
            assert!(delivery.parent_span_is_remote);
        }
    }
}

type Handler = fn() -> Result<(), &'static str>;

#[test]
fn what_has_failed_has_that_status() {
    let cases: [(&str, bool, Handler, Status); 5] = [
        ("done", true, || Ok(()), Status::Unset),
        ("failed", true, || Err("no paper"), Status::error("")),
        ("panicked", true, || panic!("and no ink"), Status::error("")),
        ("missing", false, || Ok(()), Status::error("")),
        ("already_adopted", true, || Ok(()), Status::Unset),
    ];
    for (outcome, has_token, work, status) in cases {
        let mut shop = Shop::new();
        let tokens = RefCell::new(Vec::new());
        shop.enqueue(|token| {
            tokens.borrow_mut().push(token.clone());
            if has_token { with_context(token) } else { Headers::new() }
        });
        let others = (outcome == "already_adopted")
            .then(|| shop.runtime.block_on(shop.redsync.adopt(&tokens.borrow()[0])).expect("handed over"));
        let processed = catch_unwind(AssertUnwindSafe(|| shop.process_by(work)));
        assert_eq!(processed.is_err(), outcome == "panicked");
        drop(others);
        let spans = shop.spans();
        let delivery = named(&spans, "process_job")[0];
        assert_eq!(delivery.status, status, "{outcome}");
        let told = attribute(delivery, "outcome").map(Value::to_string);
        assert_eq!(told.as_deref(), (outcome != "panicked").then_some(outcome));
        assert_eq!(named(&spans, "hand_over_lock")[0].status, Status::Unset);
    }
}

#[test]
fn a_hand_over_that_has_failed_has_that_status() {
    let shop = Shop::new();
    shop.runtime.block_on(async {
        let guard = shop.redsync.mutex("report:7").lock().await.expect("free");
        let refused = |_| async { Err::<(), _>(PublishError::NotPublished("full")) };
        drop(hand_over(guard, WAIT, refused).await.expect_err("full"));
    });
    assert_eq!(named(&shop.spans(), "hand_over_lock")[0].status, Status::error(""));
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
