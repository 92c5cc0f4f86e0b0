//! What every driver has to pass, on each kind of runtime.

mod common;

mod tokio_current_thread {
    redsync_testkit::conformance!(crate::common::drivers::CurrentThread);
}

mod tokio_multi_thread {
    redsync_testkit::conformance!(crate::common::drivers::MultiThread);
}
