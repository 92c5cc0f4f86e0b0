//! Locks that go through a queue together with the jobs that they are for.
//!
//! A handler takes a lock, hands it over with [`hand_over_to`] and answers at once. A worker gets the message, adopts the lock
//! that comes with it, does the job under it, acknowledges the message and releases the lock: [`Worker::process`] does all
//! that, and what has to be done when something fails.
//!
//! | | |
//! | --- | --- |
//! | a token into the headers of a message, and out of them | [`Envelope`], [`Carrier`] |
//! | a lock into a queue | [`hand_over_to`], [`hand_over`] |
//! | a job out of a queue | [`Worker`], [`Policy`], [`Processed`] |
//! | job after job, until the process ends | [`consume`] |
//! | a queue within one process | [`channel`] |
//! | RabbitMQ, or whatever speaks AMQP 0.9.1, with the feature `amqp` | [`amqp`] |
//! | a Redis stream, with the feature `streams` | [`streams`] |
//! | NATS JetStream, with the feature `nats` | [`nats`] |
//! | a queue of your own | [`Message`], [`Publish`] |
//!
//! # Traces
//!
//! [`hand_over`] and [`Worker::process`] run in spans of `tracing`, `hand_over_lock` and `process_job`, both at the level
//! `INFO`: with the lock's name (`lock`), its fencing number (`fence`), and at the end with the `outcome`, which is missing
//! where the call was dropped or the handler has panicked; the worker's also says whether the message was `redelivered`, and
//! which `attempt` it was, where that is known. A handler's own spans are below the worker's.
//!
//! With the feature `opentelemetry` a trace goes through the queue: [`Envelope::put`] writes the context of the current span
//! into the headers, beside the token, and the worker's span goes on from there. What is written, and looked for, is up to
//! OpenTelemetry's global propagator, of which there is none until the application sets one. Where the headers have no
//! context, the worker's span goes on with the token's, if it has a W3C `traceparent` by
//! [`with_trace_context`](redsync_core::LockToken::with_trace_context) and the propagator reads such. The status of a span is
//! an error where the hand-over or the handler has failed or panicked, the lock was lost, or was not to be had for a reason
//! that somebody has to hear of; that another worker has it is none.
//!
//! ```
//! # #[cfg(feature = "opentelemetry")] {
//! use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
//! use opentelemetry::trace::TracerProvider as _;
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
//! let provider = SdkTracerProvider::builder().build(); // with an exporter
//! let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("reports"));
//! tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
//! # }
//! # Ok::<_, tracing::subscriber::SetGlobalDefaultError>(())
//! ```
//!
//! Of a message without any context, the worker's span is where it is called. The headers' context is no more to be trusted
//! than whoever can write into the queue; a [signed](Envelope) token covers its own, and not theirs.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "amqp")]
pub mod amqp;
mod beat;
mod carrier;
#[cfg(feature = "channel")]
pub mod channel;
mod consume;
mod envelope;
mod hand_over;
mod locking;
mod message;
#[cfg(feature = "nats")]
pub mod nats;
mod outcome;
mod policy;
mod process;
mod publish;
mod settle;
#[cfg(any(feature = "amqp", feature = "channel", feature = "nats", feature = "streams"))]
mod settlement;
#[cfg(feature = "streams")]
pub mod streams;
mod trace;
mod work;

pub use carrier::Carrier;
pub use consume::{Source, consume};
pub use envelope::{Envelope, TOKEN_HEADER};
pub use hand_over::{HandOverError, PublishError, hand_over};
pub use message::{Message, WHY_HEADER};
pub use outcome::{LockEnd, NotLocked, Outcome, Processed, Told, Untold};
pub use policy::{Discard, Otherwise, Policy};
pub use process::Worker;
pub use publish::{Publish, hand_over_to};
pub use work::Work;
