//! URLs: what they mean, and how they are shown to people.

use std::{sync::Arc, time::Duration};

use redis::{
    Client, ConnectionInfo, IntoConnectionInfo, RedisResult,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use redsync_core::Runtime;

use crate::{
    ConnectError,
    link::{Link, Source},
};

/// How long the host of a connection may be silent on the TCP level before the connection is given up.
/// Long enough to outlast a short cut of the network, and well below the hours of TCP's defaults.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SILENCE: Duration = Duration::from_secs(10);
/// How long a connection is idle before TCP asks whether the host is still there.
const IDLE: Duration = Duration::from_secs(5);

/// A link to the server at `url`, the one at `index` in the application's list.
pub(crate) fn link(index: usize, url: &str, runtime: Arc<dyn Runtime>) -> Result<Link, ConnectError> {
    let parse = || -> RedisResult<_> {
        let info = url.into_connection_info()?.set_tcp_settings(tcp_settings());
        Ok((label(&info), Client::open(info)?))
    };
    let (label, client) =
        parse().map_err(|source| ConnectError::InvalidUrl { index, url: redact(url), source })?;
    Ok(Link::new(label, Source::Client(client), runtime))
}

/// The address, with the database where it is not the first.
pub(crate) fn label(info: &ConnectionInfo) -> String {
    match info.redis_settings().db() {
        0 => info.addr().to_string(),
        db => format!("{}/{db}", info.addr()),
    }
}

/// Lets a dead host end the requests that wait for it. The host of a server that merely stands still goes
/// on to acknowledge.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(IDLE);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let keepalive = keepalive.with_interval(Duration::from_secs(1));
    // Commands are small, and must not wait for the acknowledgement of the one before.
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let settings = settings.set_user_timeout(SILENCE);
    settings
}

/// A URL without what may be secret. It need not be a valid one: a password with a `/` or a `#` in it is
/// the most usual fault, so everything up to the last `@` goes.
fn redact(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (credentials, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("***@", host));
    // A query can hold a password as well, and so can what should have been a port.
    let address = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let is_port = port.split('/').next().is_some_and(|port| port.parse::<u16>().is_ok());
    let address = if is_port || port.is_empty() || host.starts_with('[') {
        address.to_owned()
    } else {
        format!("{host}:***")
    };
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{credentials}{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_addresses_without_credentials() {
        for (url, expected) in [
            ("redis://user:secret@127.0.0.1:6379", "127.0.0.1:6379"),
            ("redis://127.0.0.1", "127.0.0.1:6379"),
            ("redis://127.0.0.1:6379/2", "127.0.0.1:6379/2"),
            ("unix:///run/redis.sock?pass=secret", "/run/redis.sock"),
            ("unix:///run/redis.sock?db=3", "/run/redis.sock/3"),
        ] {
            assert_eq!(label(&url.into_connection_info().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn redacted_urls_show_the_host_and_nothing_secret() {
        for (url, expected) in [
            ("redis://user:secret@10.0.0.1:6379/0", "redis://***@10.0.0.1:6379/0"),
            ("redis://:sec/ret#@10.0.0.1", "redis://***@10.0.0.1"),
            ("redis://:s@cret@10.0.0.1:http", "redis://***@10.0.0.1:***"),
            ("redis://:secret", "redis://:***"),
            ("user:secret@10.0.0.1", "***@10.0.0.1"),
            ("unix:///run/redis.sock?pass=secret", "unix:///run/redis.sock"),
            ("redis://[::1]:6379", "redis://[::1]:6379"),
            ("http://10.0.0.1:6379", "http://10.0.0.1:6379"),
            ("", ""),
        ] {
            assert_eq!(redact(url), expected, "{url}");
        }
    }
}
