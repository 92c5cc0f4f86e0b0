//! Prints spans to the standard output, as OpenTelemetry sees them.

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt as _, registry};

use crate::BoxError;

/// From now on. A real service exports to a collector, by `opentelemetry-otlp` and in batches; the rest is the same.
pub(crate) fn start(service: &'static str) -> Result<SdkTracerProvider, BoxError> {
    // This is what writes a trace into the headers of a message, and reads it from there.
    global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(service).build())
        .with_simple_exporter(opentelemetry_stdout::SpanExporter::default())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(service))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    tracing::subscriber::set_global_default(registry().with(layer.with_filter(LevelFilter::INFO)))?;
    Ok(provider)
}
