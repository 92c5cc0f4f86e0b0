//! The in-memory node passes what every driver has to pass.
#![cfg(unix)]

mod in_memory {
    use redsync_testkit::conformance::InMemory;

    redsync_testkit::conformance!(InMemory);
}
