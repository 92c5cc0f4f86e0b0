//! [`Coverage`]: which events met which machines, and what those were waiting for.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// How often a machine that waited for something was told something, by the trace that redsync leaves.
#[derive(Clone, Default)]
pub(crate) struct Coverage(Arc<Mutex<BTreeMap<Met, u64>>>);

#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Met {
    machine: String,
    waits_for: String,
    event: String,
}

impl Subscriber for Coverage {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "redsync_core::drive"
    }

    fn event(&self, event: &Event<'_>) {
        let mut met = Met::default();
        event.record(&mut met);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(met).or_default() += 1;
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for Met {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "machine" => value.clone_into(&mut self.machine),
            "waits_for" => value.clone_into(&mut self.waits_for),
            "event" => value.clone_into(&mut self.event),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(f, "| machine | waits for | is told | times |\n| --- | --- | --- | ---: |")?;
        for (Met { machine, waits_for, event }, times) in &*met {
            writeln!(f, "| {machine} | {waits_for} | {event} | {times} |")?;
        }
        Ok(())
    }
}
