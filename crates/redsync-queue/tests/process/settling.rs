//! Lock and message are kept until the broker has heard.

use std::time::Duration;

use futures_util::future::join;
use redsync_core::{Released, Runtime};
use redsync_queue::{LockEnd, NotLocked, Outcome, Policy, Told, Untold, Work};
use redsync_testkit::memory::MemoryNode;

use crate::slip::{Answer, Shop, Slip, TTL};

#[test]
fn an_acknowledgement_that_fails_is_tried_again_under_the_lock() {
    let shop = Shop::new();
    let slip = shop.slip().answers([Answer::Fails, Answer::Fails]);
    let processed = shop.process(&slip, TTL);
    assert!(matches!(processed.told, Ok(Told::Acknowledged)), "{processed:?}");
    assert!(matches!(processed.lock, LockEnd::Released(Released::Held)), "{processed:?}");
    assert_eq!(slip.told(), ["acknowledged"]);
}

#[test]
fn a_lock_whose_job_was_not_acknowledged_is_released_and_does_not_wait_for_anybody() {
    let shop = Shop::new();
    for answers in [[Answer::Fails; 3], [Answer::Hangs; 3]] {
        let slip = shop.slip().answers(answers);
        let begun = shop.runtime.now();
        let processed = shop.process(&slip, TTL);
        let took = shop.runtime.now().since(begun);
        assert!(matches!(processed.outcome, Outcome::Done(())), "{processed:?}");
        assert!(matches!(processed.told, Err(Untold::Failed(_) | Untold::Unheard)), "{processed:?}");
        assert!(matches!(processed.lock, LockEnd::Released(Released::Held)), "{processed:?}");
        assert!(took < TTL + Duration::from_secs(11), "{took:?}");
        shop.runtime.block_on(shop.redsync.settled());
        assert_eq!(shop.lock_left(), None);
    }
}

#[test]
fn lock_and_message_are_kept_until_the_broker_has_heard() {
    let shop = Shop::new();
    let token = shop.token();
    let slow = Slip::new(&shop.runtime, &token).answers([Answer::Takes(TTL * 2)]).beats_every(TTL / 4);
    let second = Slip::new(&shop.runtime, &token).redelivered();
    let worker = shop.worker().policy(Policy::default().settle_within(TTL * 3));
    let work = |_: Work| async { Ok::<_, ()>(()) };
    let (first, second) = shop.runtime.block_on(join(worker.process(&slow, work), async {
        shop.pause(TTL + TTL / 2).await;
        worker.process(&second, work).await
    }));
    assert!(matches!(first.lock, LockEnd::Released(Released::Held)), "{first:?}");
    assert!(matches!(second.outcome, Outcome::NotLocked(NotLocked::AlreadyAdopted(_))), "{second:?}");
    assert!(slow.beats() >= 7, "{}", slow.beats());
}

#[test]
fn a_message_is_kept_alive_while_its_lock_is_taken() {
    let shop = Shop::new();
    let slip = shop.slip().beats_every(Duration::from_secs(1));
    shop.nodes.iter().for_each(MemoryNode::pause);
    let begun = shop.runtime.now();
    let processed = shop.process(&slip, TTL);
    let took = shop.runtime.now().since(begun);
    assert!(matches!(processed.outcome, Outcome::NotLocked(NotLocked::Unreachable(_))), "{processed:?}");
    assert_eq!(slip.beats() as u64, took.as_secs(), "{took:?}");
}

#[test]
fn neither_one_word_that_hangs_nor_no_time_between_them_stops_a_worker() {
    let shop = Shop::new();
    let slip = shop.slip().beats_every(Duration::ZERO);
    slip.beat_answers.lock().expect("sound").extend([Answer::Hangs, Answer::Fails]);
    let processed = shop.process(&slip, Duration::from_millis(100));
    assert!(matches!(processed.outcome, Outcome::Done(())), "{processed:?}");
    assert!((90..=100).contains(&slip.beats()), "{}", slip.beats());
}
