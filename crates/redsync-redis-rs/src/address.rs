//! URLs: what they mean, and what people call the servers behind them.

use std::sync::Arc;

use redis::{
    Client, ConnectionInfo, IntoConnectionInfo, RedisResult,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use redsync_runtime::KEEPALIVE;

use crate::link::{Server, Source};

/// What people call the server at `url`, and how it is reached.
pub(crate) fn parse(url: &str) -> RedisResult<(String, Source)> {
    let info = url.into_connection_info()?.set_tcp_settings(tcp_settings());
    Ok((label(&info), Source::of(Server::Client(Arc::new(Client::open(info)?)))))
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
pub(crate) fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let keepalive = keepalive.with_interval(std::time::Duration::from_secs(1));
    // Commands are small, and must not wait for the acknowledgement of the one before.
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let settings = settings.set_user_timeout(redsync_runtime::SILENCE);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_addresses_without_credentials() {
        for (url, expected) in [
            ("redis://user:secret@127.0.0.1:6379", "127.0.0.1:6379"),
            ("redis://127.0.0.1", "127.0.0.1:6379"),
            ("redis://127.0.0.1?node=:secret@127.0.0.2", "127.0.0.1:6379"),
            ("redis://127.0.0.1:6379/2", "127.0.0.1:6379/2"),
            ("unix:///run/redis.sock?pass=secret", "/run/redis.sock"),
            ("unix:///run/redis.sock?db=3", "/run/redis.sock/3"),
        ] {
            assert_eq!(label(&url.into_connection_info().unwrap()), expected, "{url}");
        }
    }
}
