//! Links on a virtual clock: when a connection is kept, and when it is left for a new one.
#![allow(clippy::unwrap_used, reason = "helpers of tests state what they expect, too")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redsync_runtime::{Link, SILENCE, Source};
use redsync_testkit::virtual_time::VirtualRuntime;

/// Hands out the numbers of its connections.
#[derive(Clone, Default)]
struct Numbers(Arc<AtomicUsize>);

impl Source for Numbers {
    type Connection = usize;

    async fn connect(&self) -> Result<usize, Box<dyn Error + Send + Sync>> {
        Ok(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn is_closed(&self, _: &usize, _: Duration) -> bool {
        false
    }
}

fn start() -> (VirtualRuntime, Link<Numbers>) {
    let runtime = VirtualRuntime::new(0);
    let link = Link::new("server", Numbers::default(), runtime.shared());
    (runtime, link)
}

#[test]
fn a_connection_is_kept_however_long_nobody_asks_for_it() {
    let (runtime, link) = start();
    for _ in 0..3 {
        let lent = runtime.block_on(link.connection()).unwrap();
        assert_eq!(lent.connection, 0);
        lent.give_back(false);
        runtime.advance(SILENCE * 100);
    }
}

#[test]
fn a_connection_over_which_requests_wait_without_any_reply_is_left_for_a_new_one() {
    let (runtime, link) = start();
    let waiting = runtime.block_on(link.connection()).unwrap();
    runtime.advance(SILENCE);
    let waits_too = runtime.block_on(link.connection()).unwrap();
    assert_eq!(waits_too.connection, 0, "not longer than that");
    runtime.advance(Duration::from_millis(1));
    let lent = runtime.block_on(link.connection()).unwrap();
    assert_eq!(lent.connection, 1);
    // Late replies over the old connection change nothing.
    waiting.give_back(true);
    waits_too.give_back(false);
    assert_eq!(runtime.block_on(link.connection()).unwrap().connection, 1);
}

#[test]
fn any_reply_keeps_a_connection() {
    let (runtime, link) = start();
    let _waiting = runtime.block_on(link.connection()).unwrap();
    for _ in 0..5 {
        runtime.advance(SILENCE);
        let lent = runtime.block_on(link.connection()).unwrap();
        assert_eq!(lent.connection, 0);
        lent.give_back(false);
    }
}

#[test]
fn requests_that_were_dropped_do_not_wait() {
    let (runtime, link) = start();
    drop(runtime.block_on(link.connection()).unwrap());
    runtime.advance(SILENCE * 2);
    assert_eq!(runtime.block_on(link.connection()).unwrap().connection, 0);
}

#[test]
fn a_broken_connection_is_left_at_once_and_only_once() {
    let (runtime, link) = start();
    let both = [(); 2].map(|()| runtime.block_on(link.connection()).unwrap());
    both.into_iter().for_each(|lent| lent.give_back(true));
    assert_eq!(runtime.block_on(link.connection()).unwrap().connection, 1);
    assert_eq!(runtime.block_on(link.connection()).unwrap().connection, 1);
}
