//! Locks on single servers, with TLS and passwords, on clusters and by sentinels, which also fail over.
//!
//! A build with fewer features has exactly those topologies that it can reach. With all features TLS is rustls;
//! native-tls is tested where rustls is off, as by `cargo test --features native-tls`.

mod common;

mod tokio_current_thread {
    redsync_testkit::topologies! {
        crate::common::drivers::CurrentThread: plain,
        #[cfg(feature = "unix-sockets")] unix,
        #[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))] tls,
        cluster,
        sentinel,
    }
}

mod tokio_multi_thread {
    redsync_testkit::topologies! {
        crate::common::drivers::MultiThread: plain,
        #[cfg(feature = "unix-sockets")] unix,
        #[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))] tls,
        cluster,
        sentinel,
    }
}
