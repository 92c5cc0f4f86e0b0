//! URLs that cannot be used.
#![cfg(feature = "tokio")]

use redsync_redis_rs::{ConnectError, nodes};

#[tokio::test]
async fn a_bad_url_is_named_without_its_password() {
    for bad in
        ["redis://user:secret@[10.0.0.2:6379", "http://user:secret@10.0.0.2", "redis://:secret@10.0.0.2/x"]
    {
        let error = nodes(["redis://127.0.0.1:1", bad, "redis://"]).await.unwrap_err();
        assert!(matches!(error, ConnectError::InvalidUrl { index: 1, .. }), "{error:?}");
        let (text, all) = (error.to_string(), format!("{error:?}"));
        assert!(text.contains("number 2") && text.contains("10.0.0.2"), "{text}");
        assert!(!all.contains("secret") && !text.contains("secret"), "{all}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[cfg(not(any(
    feature = "tokio-rustls",
    feature = "tokio-native-tls",
    feature = "smol-rustls",
    feature = "smol-native-tls",
    feature = "webpki-roots"
)))]
#[tokio::test]
async fn tls_that_is_not_compiled_in_is_said_at_once() {
    let error = redsync_redis_rs::RedisNode::open("rediss://127.0.0.1").unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("feature is not enabled"), "{source}");
}

#[cfg(not(feature = "smol"))]
#[test]
fn a_node_needs_a_runtime() {
    let error = redsync_redis_rs::RedisNode::open("redis://127.0.0.1").unwrap_err();
    assert!(matches!(error, ConnectError::NoRuntime(_)), "{error:?}");
    assert!(error.to_string().contains("no async runtime"), "{error}");
}

#[tokio::test]
async fn no_urls_make_no_nodes() {
    assert!(nodes(<[&str; 0]>::default()).await.unwrap().is_empty());
}

#[cfg(any(feature = "tokio-rustls", feature = "tokio-native-tls"))]
#[tokio::test]
async fn a_server_that_does_not_speak_tls_means_not_sent() {
    use redsync_redis_rs::{Node, NodeErrorKind, Ttl, Value, wire::Command};

    let server = redsync_testkit::server::Server::start().unwrap();
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let node = redsync_redis_rs::RedisNode::open(&url).unwrap();
    let ttl = Ttl::new(std::time::Duration::from_secs(60)).unwrap();
    let set = Command::Acquire { value: Value::new("value"), ttl, look: false, proposal: None };
    // Without a crypto provider, rustls panics in the task that connects: that must not be worse.
    let error = node.call(set.request(&"lock".into())).await.unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::NotSent);
}
