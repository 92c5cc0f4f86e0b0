//! What others may do in the middle of a call, as threads do: here they come in between at an event of `tracing`.
#![allow(clippy::expect_used, reason = "tests state what they expect")]

mod common;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use common::{Quorum, WAIT};
use futures_util::FutureExt as _;
use redsync_core::Loss;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
};

#[test]
fn a_lock_that_is_handed_over_is_never_told_to_be_expiring() {
    let quorum = Quorum::of(3);
    let guard = quorum.block_on(quorum.mutex().lock()).expect("free");
    let (mut lost, told) = (guard.lost(), Arc::new(Mutex::new(None)));
    let look = {
        let told = Arc::clone(&told);
        move || *told.lock().expect("sound") = (&mut lost).now_or_never()
    };
    at("handed over", look, || quorum.block_on(guard.hand_over(WAIT)).expect("reachable"));
    assert_eq!(*told.lock().expect("sound"), Some(Loss::GivenBack));
}

#[cfg(feature = "metrics")]
#[test]
fn a_lock_that_was_given_back_before_it_was_found_gone_is_not_counted_as_lost() {
    use common::{TTL, delete_at};
    use metrics::with_local_recorder;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    with_local_recorder(&recorder, || {
        let quorum = Quorum::of(3);
        let guard = quorum.block_on(quorum.mutex().auto_extend(true).lock()).expect("free");
        delete_at(&quorum.nodes);
        at("not extended in the background", || guard.leave(), || quorum.run_for(TTL));
    });
    let figures = recorder.snapshotter().snapshot().into_vec();
    let figure = |name| figures.iter().find(|(key, ..)| key.key().name() == name).map(|(.., value)| value);
    assert!(matches!(figure("redsync_held_locks"), Some(DebugValue::Gauge(held)) if *held == 0.0));
    assert_eq!(figure("redsync_lost_total"), None);
}

/// Does this once where something is told in the middle of `act`, which has to tell it.
fn at<T>(message: &'static str, what: impl FnOnce() + Send + 'static, act: impl FnOnce() -> T) -> T {
    let what: Arc<Mutex<Option<Act>>> = Arc::new(Mutex::new(Some(Box::new(what))));
    let hook = Registry::default().with(Hook { message, what: Arc::clone(&what) });
    let result = tracing::subscriber::with_default(hook, act);
    assert!(what.lock().expect("sound").is_none(), "nothing told {message:?}");
    result
}

type Act = Box<dyn FnOnce() + Send>;

struct Hook {
    message: &'static str,
    what: Arc<Mutex<Option<Act>>>,
}

struct Message(String);

impl<S: Subscriber> Layer<S> for Hook {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        if message.0 == self.message {
            let what = self.what.lock().expect("sound").take();
            what.into_iter().for_each(|act| act());
        }
    }
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
