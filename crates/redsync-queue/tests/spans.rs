//! What a subscriber of `tracing` sees of locks that go into a queue and of jobs that come out.
#![cfg(feature = "channel")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests state what they expect")]

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use redsync_core::Redsync;
use redsync_queue::{
    PublishError, Worker,
    channel::{Headers, channel},
    hand_over, hand_over_to,
};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    registry,
};

const WAIT: Duration = Duration::from_secs(600);

type Fields = BTreeMap<&'static str, String>;
type Spans = Arc<Mutex<Vec<(&'static str, Fields)>>>;

#[test]
fn hand_overs_and_jobs_have_spans_with_what_became_of_them() {
    let spans = Spans::default();
    let _subscribed = tracing::subscriber::set_default(registry().with(Notes(Arc::clone(&spans))));
    let runtime = VirtualRuntime::new(3);
    let node = MemoryNode::new(runtime.shared());
    let redsync = Redsync::builder(runtime.shared()).node(node).build().expect("a node");
    let (sender, mut receiver) = channel(runtime.shared(), 16);

    runtime.block_on(async {
        let mutex = redsync.mutex("report:7").fenced();
        let refused = |_| async { Err::<(), _>(PublishError::NotPublished("full")) };
        let guard = mutex.lock().await.expect("free");
        drop(hand_over(guard, WAIT, refused).await.expect_err("full"));
        redsync.settled().await;
        hand_over_to(mutex.lock().await.expect("free"), WAIT, &sender, ()).await.expect("there is room");
        sender.send(Headers::new(), ()).await.expect("there is room");
        let worker = Worker::new(redsync.clone());
        for is_done in [false, false, true] {
            let message = receiver.receive().await.expect("a message");
            let work = |_| async { if is_done { Ok(()) } else { Err("no paper") } };
            drop(worker.process(&message, work).await);
        }
    });

    let number = |spans: &[(_, Fields)], at: usize| spans[at].1["fence"].parse::<u64>().expect("a number");
    let spans = spans.lock().expect("sound");
    let [first, second] = [number(&spans, 0), number(&spans, 1)];
    let expected = [
        ("hand_over_lock", vec![("fence", first.to_string()), ("outcome", "not_published".into())]),
        ("hand_over_lock", vec![("fence", second.to_string()), ("outcome", "published".into())]),
        ("process_job", vec![("outcome", "failed".into()), ("redelivered", "false".into())]),
        ("process_job", vec![("outcome", "missing".into()), ("redelivered", "false".into())]),
        ("process_job", vec![("outcome", "done".into()), ("redelivered", "true".into())]),
    ];
    assert_eq!(spans.len(), expected.len(), "{spans:?}");
    for ((name, fields), (expected_name, expected_fields)) in spans.iter().zip(expected) {
        assert_eq!(*name, expected_name, "{spans:?}");
        let has_lock = fields.get("outcome").is_some_and(|outcome| outcome != "missing");
        assert_eq!(fields.get("lock").map(String::as_str), has_lock.then_some("report:7"), "{spans:?}");
        for (field, value) in expected_fields {
            assert_eq!(fields[field], value, "{spans:?}");
        }
    }
    assert!(number(&spans, 2) > second && number(&spans, 4) > number(&spans, 2), "{spans:?}");
}

/// Notes each span of this crate in the order in which they begin.
struct Notes(Spans);

impl<S: tracing::Subscriber + for<'a> registry::LookupSpan<'a>> Layer<S> for Notes {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        id: &tracing::span::Id,
        context: Context<'_, S>,
    ) {
        let mut spans = self.0.lock().expect("sound");
        let mut fields = Fields::new();
        attributes.record(&mut Visitor(&mut fields));
        let span = context.span(id).expect("it has just begun");
        span.extensions_mut().insert(spans.len());
        spans.push((attributes.metadata().name(), fields));
    }

    fn on_record(&self, id: &tracing::span::Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("it goes on");
        let at = *span.extensions().get::<usize>().expect("noted");
        values.record(&mut Visitor(&mut self.0.lock().expect("sound")[at].1));
    }
}

struct Visitor<'a>(&'a mut Fields);

impl tracing::field::Visit for Visitor<'_> {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
