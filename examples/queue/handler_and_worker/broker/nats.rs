//! NATS with JetStream.

use std::time::Duration;

use async_nats::jetstream::{
    self, Context,
    consumer::pull,
    stream::{self, Stream},
};
use redsync_queue::{
    Envelope, PublishError,
    nats::{Consumer, Error, Publisher},
};
use redsync_redis_rs::LockToken;

use crate::BoxError;

const JOBS: &str = "reports.jobs";
const DEAD_LETTERS: &str = "dead.reports";

// ANCHOR: publish
pub(crate) struct Outbox(Publisher);

impl Outbox {
    pub(crate) async fn connect(url: &str) -> Result<Self, BoxError> {
        let (jetstream, _) = connect(url).await?;
        Ok(Self(Publisher::new(jetstream, JOBS)))
    }

    pub(crate) async fn publish(&self, token: &LockToken, report: &str) -> Result<(), PublishError<Error>> {
        Envelope::plain().publish(token, &self.0, report.to_owned()).await
    }
}
// ANCHOR_END: publish

// ANCHOR: consume
/// After `ack_wait` without a word of its worker a job is another's.
pub(crate) async fn consume(url: &str, ack_wait: Duration) -> Result<Consumer, BoxError> {
    let (jetstream, jobs) = connect(url).await?;
    let durable_name = Some("workers".to_owned());
    let config = pull::Config { durable_name, ack_wait, ..pull::Config::default() };
    let pull = jobs.get_or_create_consumer("workers", config).await?;
    Ok(Consumer::new(pull, Publisher::new(jetstream, DEAD_LETTERS))?)
}
// ANCHOR_END: consume

/// Whichever program comes first makes the streams.
async fn connect(url: &str) -> Result<(Context, Stream), BoxError> {
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let stream = |name: &str, subject: &str| stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        ..stream::Config::default()
    };
    jetstream.get_or_create_stream(stream("dead", DEAD_LETTERS)).await?;
    let jobs = jetstream
        .get_or_create_stream(stream::Config {
            retention: stream::RetentionPolicy::WorkQueue,
            ..stream("reports", JOBS)
        })
        .await?;
    Ok((jetstream, jobs))
}
