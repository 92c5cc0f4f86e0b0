//! How this driver reaches each place of the topologies, as far as the build's features go.

use std::sync::Arc;

use redsync_redis_rs::{Node, RedisNode};
use redsync_testkit::topology::Place;

pub(super) async fn reach(place: &Place) -> Arc<dyn Node> {
    Arc::new(match place {
        Place::Url(url) => RedisNode::open(url).unwrap(),
        Place::Unix(path) => RedisNode::open(&format!("unix://{}", path.display())).unwrap(),
        #[cfg(any(
            feature = "tokio-rustls",
            feature = "tokio-native-tls",
            feature = "smol-rustls",
            feature = "smol-native-tls"
        ))]
        Place::Tls { url, ca_pem } => tls(url, ca_pem),
        #[cfg(not(any(
            feature = "tokio-rustls",
            feature = "tokio-native-tls",
            feature = "smol-rustls",
            feature = "smol-native-tls"
        )))]
        Place::Tls { .. } => unreachable!("this build has no TLS"),
        #[cfg(feature = "cluster")]
        Place::Cluster(urls) => cluster(urls).await,
        #[cfg(not(feature = "cluster"))]
        Place::Cluster(_) => unreachable!("this build has no clusters"),
        #[cfg(feature = "sentinel")]
        Place::Sentinel { urls, group } => sentinel(urls, group),
        #[cfg(not(feature = "sentinel"))]
        Place::Sentinel { .. } => unreachable!("this build has no sentinels"),
    })
}

#[cfg(any(
    feature = "tokio-rustls",
    feature = "tokio-native-tls",
    feature = "smol-rustls",
    feature = "smol-native-tls"
))]
fn tls(url: &str, ca_pem: &str) -> RedisNode {
    use redsync_redis_rs::redis::{Client, TlsCertificates};

    // Only the first test of this process can install it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trusted = TlsCertificates { client_tls: None, root_cert: Some(ca_pem.as_bytes().to_vec()) };
    RedisNode::from_client(Client::build_with_tls(url, trusted).unwrap()).unwrap()
}

#[cfg(feature = "cluster")]
async fn cluster(urls: &[String]) -> RedisNode {
    use redsync_redis_rs::{Delivery, redis::cluster::ClusterClient};

    // Its own 500 ms are not enough for a busy machine, and the locks have deadlines of their own.
    let client = ClusterClient::builder(urls.iter().map(String::as_str))
        .response_timeout(std::time::Duration::from_secs(10))
        .build();
    let connection = client.unwrap().get_async_connection().await.unwrap();
    let node = RedisNode::from_connection("cluster", connection).unwrap();
    assert_eq!(node.delivery(), Delivery::MayRepeat);
    node
}

#[cfg(feature = "sentinel")]
fn sentinel(urls: &[String], group: &str) -> RedisNode {
    use redsync_redis_rs::redis::sentinel::{SentinelClient, SentinelServerType};

    let client = SentinelClient::build(urls.to_vec(), String::from(group), None, SentinelServerType::Master);
    RedisNode::from_sentinel(group, client.unwrap()).unwrap()
}
