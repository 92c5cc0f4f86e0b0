//! Locks on single servers, with TLS and passwords, on clusters and by sentinels, which also fail over.
//!
//! A build with fewer features has exactly those topologies that it can reach. With all features TLS is
//! rustls, which the `redis` crate prefers; native-tls is tested where rustls is off, as by
//! `cargo test --features tokio-native-tls,smol-native-tls`.

mod common;

#[cfg(feature = "tokio")]
mod tokio_current_thread {
    redsync_testkit::topologies! {
        crate::common::drivers::CurrentThread: plain, unix,
        // Smol's TLS brings Tokio's.
        #[cfg(any(
            feature = "tokio-rustls",
            feature = "tokio-native-tls",
            feature = "smol-rustls",
            feature = "smol-native-tls"
        ))] tls,
        #[cfg(feature = "cluster")] cluster,
        #[cfg(feature = "sentinel")] sentinel,
    }
}

#[cfg(feature = "tokio")]
mod tokio_multi_thread {
    redsync_testkit::topologies! {
        crate::common::drivers::MultiThread: plain, unix,
        #[cfg(any(
            feature = "tokio-rustls",
            feature = "tokio-native-tls",
            feature = "smol-rustls",
            feature = "smol-native-tls"
        ))] tls,
        #[cfg(feature = "cluster")] cluster,
        #[cfg(feature = "sentinel")] sentinel,
    }
}

#[cfg(feature = "smol")]
mod smol {
    redsync_testkit::topologies! {
        crate::common::drivers::Smol: plain, unix,
        #[cfg(any(feature = "smol-rustls", feature = "smol-native-tls"))] tls,
        #[cfg(feature = "cluster")] cluster,
        #[cfg(feature = "sentinel")] sentinel,
    }
}
