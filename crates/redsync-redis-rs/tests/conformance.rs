//! What every driver has to pass, on each runtime.

mod common;

#[cfg(feature = "tokio")]
mod tokio_current_thread {
    redsync_testkit::conformance!(crate::common::drivers::CurrentThread);
}

#[cfg(feature = "tokio")]
mod tokio_multi_thread {
    redsync_testkit::conformance!(crate::common::drivers::MultiThread);
}

#[cfg(feature = "smol")]
mod smol {
    redsync_testkit::conformance!(crate::common::drivers::Smol);
}
