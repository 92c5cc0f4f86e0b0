//! Jobs that are given up: at the last attempt, or since their handlers want no other.

use std::{
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use redsync_core::{Loss, Released};
use redsync_queue::{LockEnd, Outcome, Policy, Told, Untold, Work, Worker};
use redsync_testkit::memory::MemoryNode;

use crate::slip::{Answer, NAME, Shop, Slip, TTL, WAIT};

const MOST: NonZeroU32 = NonZeroU32::new(3).expect("not zero");
const LAST: &str = "its job has failed at attempt 3, of 3 at most";

fn limited(shop: &Shop) -> Worker {
    shop.worker().policy(Policy::default().attempts(MOST))
}

impl Shop {
    /// Whatever a lock was, it is over.
    fn is_free(&self) -> bool {
        self.runtime.block_on(self.redsync.settled());
        self.lock_left().is_none()
    }

    /// A message that comes for the third time.
    fn third(&self) -> Slip {
        self.slip().attempt(Some(3))
    }
}

#[test]
fn a_job_that_fails_is_given_up_at_the_last_attempt_and_no_sooner() {
    let cases = [
        (true, Some(1), None),
        (true, Some(2), None),
        (true, Some(3), Some(LAST)),
        (true, Some(4), Some("its job has failed at attempt 4, of 3 at most")),
        // Where nobody counts, or nobody has set a limit.
        (true, None, None),
        (false, Some(1000), None),
    ];
    for (is_limited, attempt, why) in cases {
        let shop = Shop::new();
        let slip = shop.slip().attempt(attempt);
        let worker = if is_limited { limited(&shop) } else { shop.worker() };
        let failing = |work: Work| async move { Err::<(), _>(work.attempt) };
        let processed = shop.runtime.block_on(worker.process(&slip, failing));
        match why {
            Some(_) => {
                assert!(
                    matches!(processed.outcome, Outcome::GivenUp(told) if told == attempt),
                    "{processed:?}"
                );
                assert!(matches!(processed.told, Ok(Told::DeadLettered)), "{processed:?}");
                assert!(matches!(processed.lock, LockEnd::Released(Released::Held)), "{processed:?}");
                assert!(shop.is_free(), "{attempt:?}");
            }
            None => {
                assert!(
                    matches!(processed.outcome, Outcome::Failed(told) if told == attempt),
                    "{processed:?}"
                );
                assert!(matches!(processed.told, Ok(Told::ToDeliverAgain(_))), "{processed:?}");
                assert!(matches!(processed.lock, LockEnd::HandedBack), "{processed:?}");
                assert!(!shop.is_free(), "{attempt:?}");
            }
        }
        assert_eq!(slip.why().as_deref(), why, "{attempt:?}");
        assert_eq!(slip.told().len(), 1, "{:?}", slip.told());
    }
}

#[test]
fn a_job_that_is_done_at_the_last_attempt_is_done() {
    let shop = Shop::new();
    let slip = shop.third();
    let processed = shop.process_by(&limited(&shop), &slip, TTL);
    assert!(matches!(processed.outcome, Outcome::Done(())), "{processed:?}");
    assert_eq!((slip.told(), slip.why()), (vec!["acknowledged".to_owned()], None));
}

#[test]
fn a_handler_that_wants_no_other_attempt_says_why() {
    for fails in [true, false] {
        let shop = Shop::new();
        let slip = shop.slip();
        let handler = |work: Work| async move {
            work.give_up("no such report");
            work.give_up("and no paper");
            if fails { Err("404") } else { Ok(()) }
        };
        let processed = shop.runtime.block_on(shop.worker().process(&slip, handler));
        if fails {
            assert!(matches!(processed.outcome, Outcome::GivenUp("404")), "{processed:?}");
            assert_eq!(slip.why().as_deref(), Some("no such report"));
        } else {
            assert!(matches!(processed.outcome, Outcome::Done(())), "{processed:?}");
            assert_eq!(slip.told(), ["acknowledged"]);
        }
        assert!(matches!(processed.lock, LockEnd::Released(Released::Held)), "{processed:?}");
        assert!(shop.is_free());
    }
}

#[test]
fn a_handler_that_panics_for_the_last_time_leaves_neither_lock_nor_message() {
    for (says_so, why) in [(false, LAST), (true, "no such report")] {
        let shop = Shop::new();
        let (slip, worker) = (shop.third(), limited(&shop));
        let handler = |work: Work| async move {
            if says_so {
                work.give_up(why);
            }
            panic!("and it is gone") as Result<(), ()>
        };
        let caught = catch_unwind(AssertUnwindSafe(|| shop.runtime.block_on(worker.process(&slip, handler))));
        assert!(caught.is_err());
        assert_eq!((slip.told(), slip.why().as_deref()), (vec!["dead".to_owned()], Some(why)));
        assert!(shop.is_free());
    }
}

#[test]
fn a_handler_that_never_ends_has_failed_where_it_is_stopped_and_one_that_is_robbed_has_not() {
    for is_robbed in [false, true] {
        let shop = Shop::new();
        let slip = shop.third();
        let worker = limited(&shop).adjust(|mutex| mutex.max_hold(TTL * 4));
        let processed = shop.runtime.block_on(worker.process(&slip, |_| async {
            if is_robbed {
                shop.nodes.iter().for_each(|node| _ = node.execute(&["DEL", NAME]).expect("up"));
            }
            shop.pause(WAIT).await;
            Ok::<_, ()>(())
        }));
        let Outcome::Lost(lost) = &processed.outcome else { panic!("{processed:?}") };
        assert_eq!(lost.loss() == Loss::LimitReached, !is_robbed, "{lost}");
        let (told, why) = if is_robbed { ("again after 1s", None) } else { ("dead", Some(LAST)) };
        assert_eq!((slip.told(), slip.why().as_deref()), (vec![told.to_owned()], why));
        assert!(shop.is_free());
    }
}

#[test]
fn a_job_that_is_given_up_keeps_its_lock_until_the_broker_has_heard_and_no_longer() {
    let cases = [
        (vec![Answer::Takes(TTL * 2)], true),
        (vec![Answer::Fails, Answer::Fails], true),
        (vec![Answer::Fails; 3], false),
        (vec![Answer::Hangs], false),
    ];
    for (answers, is_told) in cases {
        let shop = Shop::new();
        let slip = shop.third().answers(answers);
        let worker =
            shop.worker().policy(Policy::default().attempts(MOST).settle_within(Duration::from_secs(20)));
        let processed = shop.runtime.block_on(worker.process(&slip, |_| async { Err::<(), _>(()) }));
        assert!(matches!(processed.outcome, Outcome::GivenUp(())), "{processed:?}");
        match processed.told {
            Ok(told) => assert!(is_told && told == Told::DeadLettered, "{told:?}"),
            Err(Untold::Failed(_) | Untold::Unheard) => assert!(!is_told),
        }
        assert!(matches!(processed.lock, LockEnd::Released(Released::Held)), "{:?}", processed.lock);
        assert!(shop.is_free(), "nobody comes for its token");
    }
}

#[test]
fn a_message_whose_job_was_not_begun_is_put_off() {
    let shop = Shop::new();
    shop.nodes.iter().for_each(MemoryNode::stop);
    let token = {
        let other = Shop::new();
        other.token()
    };
    let slip = Slip::new(&shop.runtime, &token).attempt(Some(7));
    let processed = shop.process_by(&limited(&shop), &slip, TTL);
    assert!(matches!(processed.told, Ok(Told::ToDeliverAgain(_))), "{processed:?}");
    assert_eq!(slip.told(), ["put off for 1s"]);
}
