//! What becomes of a message whose lock is not to be had.

use redsync_queue::{
    Discard, HandOverError, NotLocked, Otherwise, Outcome, Policy, PublishError, Told, hand_over,
};
use redsync_testkit::memory::MemoryNode;

use crate::slip::{NAME, Shop, Slip, TTL, WAIT, quorum};

#[test]
fn a_token_for_other_nodes_is_for_the_policy() {
    let shop = Shop::new();
    let (_nodes, five) = quorum(&shop.runtime, 5);
    let token = shop.runtime.block_on(async {
        let guard = five.mutex(NAME).lock().await.expect("free");
        guard.hand_over(WAIT).await.expect("reachable")
    });
    for (discard, told) in [(Discard::DeadLetter, "dead"), (Discard::Drop, "acknowledged")] {
        let slip = Slip::new(&shop.runtime, &token);
        let worker = shop.worker().policy(Policy::default().foreign(discard));
        let processed = shop.process_by(&worker, &slip, TTL);
        assert!(matches!(processed.outcome, Outcome::NotLocked(NotLocked::Foreign(_))), "{processed:?}");
        assert_eq!(slip.told(), [told]);
    }
}

#[test]
fn an_expired_token_is_for_the_policy_also_where_its_name_is_taken() {
    let shop = Shop::new();
    let token = shop.token();
    shop.runtime.run_for(WAIT + TTL);
    let other = shop.runtime.block_on(shop.redsync.mutex(NAME).lock()).expect("free");
    let slip = Slip::new(&shop.runtime, &token);
    let processed = shop.process(&slip, TTL);
    assert!(matches!(processed.outcome, Outcome::NotLocked(NotLocked::Expired(_))), "{processed:?}");
    assert_eq!(slip.told(), ["dead"]);
    let worker = shop.worker().policy(Policy::default().expired(Otherwise::LockAnew));
    let slip = Slip::new(&shop.runtime, &token);
    let processed = shop.process_by(&worker, &slip, TTL);
    assert!(matches!(processed.outcome, Outcome::NotLocked(NotLocked::Taken(_))), "{processed:?}");
    assert_eq!(slip.told(), [format!("put off for {TTL:?}")]);
    assert!(other.is_valid());
}

#[test]
fn what_another_worker_has_settled_is_not_done_again() {
    let shop = Shop::new();
    let token = shop.token();
    let mut slips = [(); 2].map(|()| Slip::new(&shop.runtime, &token).redelivered());
    slips[1].is_settled = true;
    let [first, second] = slips.map(|slip| (shop.process(&slip, TTL), slip.told()));
    assert!(matches!(first.0.outcome, Outcome::Done(())), "{first:?}");
    assert!(matches!(second.0.outcome, Outcome::NotLocked(NotLocked::Settled)), "{second:?}");
    assert!(matches!((second.0.told, second.1.as_slice()), (Ok(Told::Nothing), [])));
    shop.runtime.block_on(shop.redsync.settled());
    assert_eq!(shop.lock_left(), None);
}

#[test]
fn a_lock_that_was_not_published_does_not_stand_for_its_wait() {
    for shuts_down in [false, true] {
        let shop = Shop::new();
        let error = shop.runtime.block_on(async {
            let guard = shop.redsync.mutex(NAME).lock().await.expect("free");
            let publish = |_| async {
                if shuts_down {
                    shop.redsync.shutdown().await;
                } else {
                    shop.nodes.iter().for_each(MemoryNode::stop);
                }
                Err::<(), _>(PublishError::NotPublished("no connection"))
            };
            hand_over(guard, WAIT, publish).await.expect_err("not published")
        });
        assert!(matches!(error, HandOverError::NotPublished { lock: Err(_), .. }), "{error:?}");
        shop.nodes.iter().for_each(MemoryNode::start);
        shop.runtime.block_on(shop.redsync.settled());
        assert_eq!(shop.lock_left(), None);
    }
}
