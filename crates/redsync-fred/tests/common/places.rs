//! How this driver reaches each place of the topologies, as far as the build's features go.

use std::sync::Arc;

use redsync_fred::{Node, RedisNode};
use redsync_testkit::topology::Place;

pub(super) async fn reach(place: &Place) -> Arc<dyn Node> {
    Arc::new(match place {
        Place::Url(url) => RedisNode::open(url).unwrap(),
        #[cfg(feature = "unix-sockets")]
        Place::Unix(path) => RedisNode::open(&format!("redis+unix://{}", path.display())).unwrap(),
        #[cfg(not(feature = "unix-sockets"))]
        Place::Unix(_) => unreachable!("this build has no Unix sockets"),
        #[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
        Place::Tls { url, ca_pem } => tls::reach(url, ca_pem),
        #[cfg(not(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls")))]
        Place::Tls { .. } => unreachable!("this build has no TLS"),
        Place::Cluster(urls) => RedisNode::open(&several("redis-cluster", urls, "")).unwrap(),
        Place::Sentinel { urls, group } => {
            let name = format!("sentinelServiceName={group}");
            RedisNode::open(&several("redis-sentinel", urls, &name)).unwrap()
        }
    })
}

/// The URL of several servers, in the way of `fred`.
fn several(scheme: &str, urls: &[String], query: &str) -> String {
    let mut hosts = urls.iter().map(|url| url.trim_start_matches("redis://"));
    let first = hosts.next().unwrap();
    let others: Vec<_> = hosts.map(|host| format!("node={host}")).chain([query.to_owned()]).collect();
    format!("{scheme}://{first}?{}", others.join("&")).trim_end_matches('&').to_owned()
}

#[cfg(any(feature = "rustls", feature = "rustls-ring"))]
mod tls {
    use redsync_fred::{
        RedisNode,
        fred::types::config::{Config, TlsConfig, TlsConnector},
    };
    use rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
    };

    pub(super) fn reach(url: &str, ca_pem: &str) -> RedisNode {
        // Only the first test of this process can install it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = TlsConnector::Rustls(std::sync::Arc::new(client).into());
        let config = Config::from_url(url).unwrap();
        RedisNode::from_config(Config { tls: Some(TlsConfig::from(connector)), ..config }).unwrap()
    }
}

#[cfg(all(feature = "native-tls", not(any(feature = "rustls", feature = "rustls-ring"))))]
mod tls {
    use redsync_fred::{
        RedisNode,
        fred::types::config::{Config, TlsConfig, TlsConnector},
    };

    pub(super) fn reach(url: &str, ca_pem: &str) -> RedisNode {
        let root = native_tls::Certificate::from_pem(ca_pem.as_bytes()).unwrap();
        let connector = native_tls::TlsConnector::builder().add_root_certificate(root).build().unwrap();
        let connector = TlsConnector::Native(connector.into());
        let config = Config::from_url(url).unwrap();
        RedisNode::from_config(Config { tls: Some(TlsConfig::from(connector)), ..config }).unwrap()
    }
}
