//! Jobs through NATS JetStream, with workers that are killed.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "tests state what they expect")]

redsync_queues::tests!(Nats);
