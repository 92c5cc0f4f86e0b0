//! What the tests send.

use std::time::Duration;

use async_nats::HeaderMap;
use redsync_core::LockToken;
use redsync_queue::{
    Envelope, PublishError,
    nats::{Error, Publisher},
};

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const SHORT: Duration = Duration::from_secs(1);
pub(crate) const NAME: &str = "report:7";
pub(crate) const TTL: Duration = Duration::from_secs(2);
pub(crate) const BODY: &[u8] = b"\x00\xff\r\nnot a text\x80";

pub(crate) fn headers_with(token: &LockToken) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append("trace", "1");
    headers.append("trace", "2");
    Envelope::plain().put(token, &mut headers);
    headers
}

pub(crate) async fn publish(publisher: &Publisher, body: &'static [u8]) -> Result<(), PublishError<Error>> {
    publisher.publish(HeaderMap::new(), body).await
}
