//! URLs: what they mean, and what people call the servers behind them.

use std::collections::BTreeSet;

use fred::{
    error::{Error, ErrorKind},
    types::config::{Config, ServerConfig},
};
use redsync_runtime::has_credentials;

use crate::link::Source;

/// How URLs start, each also with a second `s` for TLS, and with `valkey` in the place of `redis`.
const SCHEMES: [&str; 4] = ["redis", "redis-cluster", "redis-sentinel", "redis+unix"];

/// What people call the server at `url`, and how it is reached.
pub(crate) fn parse(url: &str) -> Result<(String, Source), Error> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).replacen("valkey", "redis", 1);
    // The `fred` crate takes any scheme for that of a single server.
    if !SCHEMES.contains(&scheme.replacen("rediss", "redis", 1).as_str()) {
        return Err(Error::new(ErrorKind::Url, "not the URL of a Redis or Valkey"));
    }
    if has_credentials(url, "node") {
        return Err(Error::new(ErrorKind::Url, "credentials go before the first host, for all of them"));
    }
    if scheme.starts_with("rediss") {
        install_crypto();
    }
    let config = Config::from_url(url)?;
    // Without TLS compiled in, the `fred` crate would connect in plain text, and send the password so.
    if scheme.starts_with("rediss") && !config.uses_tls() {
        return Err(Error::new(ErrorKind::Config, "TLS needs the feature rustls or native-tls"));
    }
    Ok((label(&config), Source::of(config)))
}

/// Gives rustls a provider where the application has installed none: it panics when it finds two of them, and any
/// crate of the application may have brought the other.
#[allow(unused_qualifications, reason = "only tests depend on rustls itself")]
fn install_crypto() {
    // The first one stays; `fred` prefers native-tls.
    #[cfg(all(feature = "rustls", not(feature = "native-tls")))]
    let _ = fred::rustls::crypto::aws_lc_rs::default_provider().install_default();
    #[cfg(all(feature = "rustls-ring", not(feature = "native-tls")))]
    let _ = fred::rustls::crypto::ring::default_provider().install_default();
}

/// The address, with the database where it is not the first.
pub(crate) fn label(config: &Config) -> String {
    let address = address(&config.server);
    config.database.filter(|db| *db > 0).map_or(address.clone(), |db| format!("{address}/{db}"))
}

fn address(server: &ServerConfig) -> String {
    #[cfg(feature = "unix-sockets")]
    if let ServerConfig::Unix { path } = server {
        return path.display().to_string();
    }
    if let ServerConfig::Sentinel { service_name, .. } = server {
        return service_name.clone();
    }
    // In an order of its own, since `fred` mixes the servers of a cluster.
    let hosts: BTreeSet<_> = server.hosts().iter().map(ToString::to_string).collect();
    hosts.into_iter().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_addresses_without_credentials() {
        for (url, expected) in [
            ("redis://user:secret@127.0.0.1:6379", "127.0.0.1:6379"),
            ("valkey://127.0.0.1", "127.0.0.1:6379"),
            ("redis://127.0.0.1:6379/2", "127.0.0.1:6379/2"),
            ("redis-cluster://:secret@10.0.0.1:7000?node=10.0.0.2:7000", "10.0.0.1:7000,10.0.0.2:7000"),
            ("redis-sentinel://:secret@10.0.0.1:26379?sentinelServiceName=group", "group"),
            #[cfg(feature = "unix-sockets")]
            ("redis+unix:///run/redis.sock", "/run/redis.sock"),
        ] {
            assert_eq!(parse(url).map(|(label, _)| label), Ok(String::from(expected)), "{url}");
        }
    }
}
