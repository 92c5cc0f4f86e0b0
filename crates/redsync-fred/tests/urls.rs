//! URLs that cannot be used.

use redsync_fred::{ConnectError, RedisNode, nodes};

#[tokio::test]
async fn a_bad_url_is_named_without_its_password() {
    for bad in [
        "redis://user:secret@[10.0.0.2:6379",
        "http://user:secret@10.0.0.2",
        "redis://:secret@10.0.0.2/x",
        "redis-cluster://:secret@10.0.0.2:7000?node=:secret@10.0.0.3:7000",
        "redis-cluster://:secret@10.0.0.2:7000?node=secret%4010.0.0.3:7000",
        "redis-cluster://10.0.0.2:7000?node=redis://user:secret@10.0.0.3:7000",
        "redis-sentinel://10.0.0.2:26379?sentinelServiceName=group&node=:secret@10.0.0.3:26379",
    ] {
        let error = nodes(["redis://127.0.0.1:1", bad, "redis://"]).await.unwrap_err();
        assert!(matches!(error, ConnectError::InvalidUrl { index: 1, .. }), "{error:?}");
        let (text, all) = (error.to_string(), format!("{error:?}"));
        assert!(text.contains("number 2") && text.contains("10.0.0."), "{text}");
        assert!(!all.contains("secret") && !text.contains("secret"), "{all}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[cfg(not(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls")))]
#[tokio::test]
async fn tls_that_is_not_compiled_in_is_said_at_once() {
    let error = RedisNode::open("rediss://127.0.0.1").unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("TLS"), "{source}");
}

/// rustls by itself would panic: here are two providers, and nobody has installed one.
#[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
#[tokio::test]
async fn tls_needs_no_crypto_provider_of_the_application() {
    let node = RedisNode::open("rediss://127.0.0.1").unwrap();
    assert_eq!(format!("{node:?}"), "RedisNode(\"127.0.0.1:6379\")");
}

#[test]
fn a_node_needs_tokio() {
    let error = RedisNode::open("redis://127.0.0.1").unwrap_err();
    assert!(matches!(error, ConnectError::NoRuntime(_)), "{error:?}");
    assert!(error.to_string().contains("no async runtime"), "{error}");
}

#[tokio::test]
async fn no_urls_make_no_nodes() {
    assert!(nodes(<[&str; 0]>::default()).await.unwrap().is_empty());
}
