//! Handlers that panic, block or never end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redsync_core::Released;
use redsync_queue::{LockEnd, Outcome, Work};

use crate::slip::{NAME, Shop, TTL, WAIT};

#[test]
fn a_handler_that_panics_gives_lock_and_message_back() {
    let shop = Shop::new();
    let slip = shop.slip();
    let worker = shop.worker();
    for at_once in [true, false] {
        let handler = |_: Work| {
            assert!(!at_once, "at once");
            async { if shop.nodes.is_empty() { Ok::<_, ()>(()) } else { panic!("later") } }
        };
        let caught = catch_unwind(AssertUnwindSafe(|| shop.runtime.block_on(worker.process(&slip, handler))));
        assert!(caught.is_err());
        assert_eq!(slip.told().last().map(String::as_str), Some("again after 1s"));
    }
    let processed = shop.process(&slip, TTL);
    assert!(matches!(processed.outcome, Outcome::Done(())), "its token is good: {processed:?}");
}

#[test]
fn a_handler_that_blocks_past_its_lock_is_seen_to() {
    let shop = Shop::new();
    let slip = shop.slip();
    let processed = shop.runtime.block_on(shop.worker().process(&slip, |_| async {
        shop.runtime.advance(TTL * 2);
        shop.nodes.iter().for_each(|node| node.set(NAME, "somebody else's", Some(TTL)));
        Ok::<_, ()>(())
    }));
    let is_seen = matches!(
        processed.lock,
        LockEnd::Lost | LockEnd::Released(Released::Expired | Released::AlreadyGone)
    );
    assert!(is_seen, "{processed:?}");
}

#[test]
fn a_handler_that_never_ends_is_stopped_where_that_is_wanted() {
    let shop = Shop::new();
    let slip = shop.slip();
    let worker = shop.worker().adjust(|mutex| mutex.max_hold(TTL * 4));
    let processed = shop.process_by(&worker, &slip, WAIT);
    assert!(matches!(processed.outcome, Outcome::Lost(_)), "{processed:?}");
    assert_eq!(slip.told(), ["again after 1s"]);
}
