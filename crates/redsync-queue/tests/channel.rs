//! Locks and jobs through the queue within one process, on a virtual clock.
#![cfg(feature = "channel")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

use std::{cell::Cell, future::pending, num::NonZeroU32, time::Duration};

use redsync_core::{ErrorKind, Redsync, Runtime};
use redsync_queue::{
    Envelope, HandOverError, Message, NotLocked, Otherwise, Outcome, Policy, PublishError, Told, Worker,
    channel::{Closed, Delivery, Headers, Receiver, Sender, channel},
    consume, hand_over, hand_over_to,
};
use redsync_testkit::{cancel::drop_after, memory::MemoryNode, virtual_time::VirtualRuntime};

const NAME: &str = "report:7";
const TTL: Duration = Duration::from_secs(8);
const WAIT: Duration = Duration::from_secs(600);
const RETRY: Duration = Duration::from_secs(1);

struct Shop {
    runtime: VirtualRuntime,
    nodes: Vec<MemoryNode>,
    redsync: Redsync,
    sender: Sender<u32>,
    receiver: Receiver<u32>,
}

impl Shop {
    fn new() -> Self {
        let runtime = VirtualRuntime::new(3);
        let nodes: Vec<_> = (0..3).map(|_| MemoryNode::new(runtime.shared())).collect();
        let builder = Redsync::builder(runtime.shared()).nodes(nodes.iter().cloned());
        let redsync = builder.build().expect("three nodes");
        let (sender, receiver) = channel(runtime.shared(), 16);
        Self { runtime, nodes, redsync, sender, receiver }
    }

    /// Hands a lock over with a job.
    fn enqueue(&self, job: u32) {
        self.runtime.block_on(async {
            let guard = self.redsync.mutex(NAME).fenced().lock().await.expect("free");
            sent(hand_over_to(guard, WAIT, &self.sender, job)).await.expect("published");
        });
    }

    /// Has the next message processed by a handler that comes to this.
    fn process(
        &mut self,
        worker: &Worker,
        result: Result<(), &'static str>,
    ) -> (Outcome<u32, &'static str>, Told) {
        let Self { runtime, receiver, .. } = self;
        runtime.block_on(async {
            let message = receiver.receive().await.expect("a message");
            let job = *message.body();
            let handler = |work: redsync_queue::Work| async move {
                assert_eq!(work.name, NAME);
                result.map(|()| job)
            };
            let processed = worker.process(&message, handler).await;
            (processed.outcome, processed.told.expect("it cannot fail"))
        })
    }

    fn worker(&self) -> Worker {
        Worker::new(self.redsync.clone())
    }

    fn locks_left(&self) -> usize {
        let is_lock = |key: &&String| key.as_str() == NAME;
        self.nodes.iter().map(|node| node.keys().iter().filter(is_lock).count()).sum()
    }

    fn settle(&self) {
        self.runtime.block_on(self.redsync.settled());
    }
}

/// A handler may be moved between threads while it waits for this.
fn sent<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn a_lock_goes_through_the_queue_with_its_job() {
    let mut shop = Shop::new();
    shop.enqueue(1138);
    let (outcome, told) = shop.process(&shop.worker(), Ok(()));
    assert!(matches!(outcome, Outcome::Done(1138)), "{outcome:?}");
    assert_eq!(told, Told::Acknowledged);
    shop.settle();
    assert_eq!(shop.locks_left(), 0);
    drop(shop.sender);
    assert!(shop.runtime.block_on(shop.receiver.receive()).is_none());
}

#[test]
fn a_job_that_fails_comes_again_with_its_lock() {
    let mut shop = Shop::new();
    shop.enqueue(1138);
    let (outcome, told) = shop.process(&shop.worker(), Err("no paper"));
    assert!(matches!(outcome, Outcome::Failed("no paper")), "{outcome:?}");
    assert_eq!(told, Told::ToDeliverAgain(RETRY));
    let begun = shop.runtime.now();
    let (outcome, told) = shop.process(&shop.worker(), Ok(()));
    assert!(matches!(outcome, Outcome::Done(1138)), "{outcome:?}");
    assert_eq!(told, Told::Acknowledged);
    assert!(shop.runtime.now().since(begun) >= RETRY);
}

#[test]
fn a_job_that_always_fails_is_given_up_and_what_waits_for_its_lock_is_no_attempt() {
    let mut shop = Shop::new();
    shop.enqueue(1138);
    let worker = shop.worker().policy(Policy::default().attempts(NonZeroU32::new(3).expect("not zero")));
    // It is dropped, which counts, since somebody may have tried.
    let message = shop.runtime.block_on(shop.receiver.receive()).expect("a message");
    assert_eq!(message.attempt(), Some(1));
    let token = Envelope::plain().take(message.headers()).expect("there").expect("whole");
    drop(message);
    let (outcome, told) = shop.process(&worker, Err("no paper"));
    assert!(matches!(outcome, Outcome::Failed("no paper")), "{outcome:?}");
    assert_eq!(told, Told::ToDeliverAgain(RETRY));
    let other = shop.runtime.block_on(shop.redsync.adopt(&token)).expect("handed back");
    let (outcome, told) = shop.process(&worker, Err("no paper"));
    assert!(matches!(outcome, Outcome::NotLocked(NotLocked::AlreadyAdopted(_))), "{outcome:?}");
    assert_eq!(told, Told::ToDeliverAgain(TTL));
    shop.runtime.block_on(other.hand_back(&token)).expect("reachable");
    let (outcome, told) = shop.process(&worker, Err("no paper"));
    assert!(matches!(outcome, Outcome::GivenUp("no paper")), "{outcome:?}");
    assert_eq!(told, Told::DeadLettered);
    assert_eq!(shop.receiver.dead_letters()[0].why, "its job has failed at attempt 3, of 3 at most");
    shop.settle();
    assert_eq!(shop.locks_left(), 0);
    drop(shop.sender);
    assert!(shop.runtime.block_on(shop.receiver.receive()).is_none());
}

#[test]
fn a_worker_that_is_gone_is_followed_once_its_lock_has_ended() {
    let mut shop = Shop::new();
    shop.enqueue(1138);
    shop.runtime.block_on(async {
        let message = shop.receiver.receive().await.expect("a message");
        let token = Envelope::plain().take(message.headers()).expect("there").expect("whole");
        // It dies with the lock: nobody releases it, and the message was not settled.
        shop.redsync.adopt(&token).await.expect("the only one").leave();
    });
    let (mut outcome, mut told) = shop.process(&shop.worker(), Ok(()));
    assert!(matches!(outcome, Outcome::NotLocked(NotLocked::AlreadyAdopted(_))), "{outcome:?}");
    // The lock may end just after the second delivery.
    for _ in 0..2 {
        if matches!(outcome, Outcome::NotLocked(_)) {
            assert_eq!(told, Told::ToDeliverAgain(TTL));
            (outcome, told) = shop.process(&shop.worker(), Ok(()));
        }
    }
    assert!(matches!(outcome, Outcome::Done(1138)), "{outcome:?}");
}

#[test]
fn a_token_that_has_expired_in_the_queue_is_for_the_policy() {
    for (policy, is_done) in
        [(Policy::default(), false), (Policy::default().expired(Otherwise::LockAnew), true)]
    {
        let mut shop = Shop::new();
        shop.enqueue(1138);
        shop.runtime.run_for(WAIT + TTL);
        let (outcome, told) = shop.process(&shop.worker().policy(policy), Ok(()));
        if is_done {
            assert!(matches!(outcome, Outcome::Done(1138)), "{outcome:?}");
        } else {
            assert!(matches!(outcome, Outcome::NotLocked(NotLocked::Expired(_))), "{outcome:?}");
            assert_eq!(told, Told::DeadLettered);
            assert_eq!(shop.receiver.dead_letters()[0].letter.body, 1138);
        }
    }
}

#[test]
fn what_is_no_good_token_is_not_worked_on() {
    for (text, is_missing) in [(None, true), (Some("no token at all"), false)] {
        let mut shop = Shop::new();
        let headers = text.map(|text| (redsync_queue::TOKEN_HEADER.to_owned(), text.to_owned()));
        shop.runtime.block_on(shop.sender.send(headers.into_iter().collect(), 1138)).expect("room");
        let (outcome, told) = shop.process(&shop.worker(), Ok(()));
        let Outcome::NotLocked(why) = outcome else { panic!("{outcome:?}") };
        assert_eq!(matches!(why, NotLocked::Missing), is_missing, "{why:?}");
        assert_eq!(matches!(why, NotLocked::Damaged(_)), !is_missing, "{why:?}");
        assert_eq!(told, Told::DeadLettered);
    }
}

#[test]
fn what_was_not_published_comes_back() {
    for is_known in [true, false] {
        let shop = Shop::new();
        let why = || if is_known { PublishError::NotPublished("full") } else { PublishError::Unknown("cut") };
        let error = shop.runtime.block_on(async {
            let guard = shop.redsync.mutex(NAME).lock().await.expect("free");
            hand_over(guard, WAIT, |_| async { Err::<(), _>(why()) }).await.expect_err("not published")
        });
        let (HandOverError::NotPublished { lock, .. } | HandOverError::Unknown { lock, .. }) = error else {
            panic!("{error:?}")
        };
        assert!(lock.expect("taken back").is_valid());
    }
}

#[test]
fn what_nobody_receives_comes_back() {
    let Shop { runtime, redsync, sender, receiver, .. } = Shop::new();
    drop(receiver);
    let error = runtime.block_on(async {
        let guard = redsync.mutex(NAME).lock().await.expect("free");
        hand_over_to(guard, WAIT, &sender, 1138).await.expect_err("nobody receives")
    });
    let HandOverError::NotPublished { lock, error: Closed } = error else { panic!("{error:?}") };
    assert!(lock.expect("taken back").is_valid());
}

#[test]
fn what_may_have_been_published_is_either_the_handlers_or_a_workers() {
    let shop = Shop::new();
    let redsync = shop.redsync.clone();
    let publish = |token| async move {
        // It has arrived, and a worker is at it.
        redsync.adopt(&token).await.expect("the only one").leave();
        Err::<(), _>(PublishError::Unknown("cut"))
    };
    let error = shop.runtime.block_on(async {
        let guard = shop.redsync.mutex(NAME).lock().await.expect("free");
        hand_over(guard, WAIT, publish).await.expect_err("nobody knows")
    });
    let HandOverError::Unknown { lock: Err(why), .. } = error else { panic!("{error:?}") };
    assert_eq!(why.kind(), ErrorKind::AlreadyAdopted);
}

#[test]
fn what_was_published_after_all_is_abandoned_where_it_came_before_and_else_expired() {
    for comes_before in [true, false] {
        let mut shop = Shop::new();
        let (sender, publish_to) = (shop.sender.clone(), Envelope::plain());
        let guard = shop.runtime.block_on(async {
            let guard = shop.redsync.mutex(NAME).lock().await.expect("free");
            let publish = async |token| {
                publish_to.publish(&token, &sender, 1138).await?;
                Err::<(), _>(PublishError::Unknown(Closed))
            };
            let error = hand_over(guard, WAIT, publish).await.expect_err("nobody knows");
            let HandOverError::Unknown { lock: Ok(guard), .. } = error else { panic!("{error:?}") };
            guard
        });
        let worker = shop.worker();
        if comes_before {
            let (outcome, told) = shop.process(&worker, Ok(()));
            assert!(matches!(outcome, Outcome::NotLocked(NotLocked::AlreadyAdopted(_))), "{outcome:?}");
            assert_eq!(told, Told::ToDeliverAgain(TTL));
        }
        shop.runtime.block_on(guard.release()).expect("held");
        let (outcome, told) = shop.process(&worker, Ok(()));
        if comes_before {
            assert!(matches!(outcome, Outcome::Done(1138)), "{outcome:?}");
        } else {
            assert!(matches!(outcome, Outcome::NotLocked(NotLocked::Expired(_))), "{outcome:?}");
            assert_eq!(told, Told::DeadLettered);
        }
    }
}

#[test]
fn a_publish_that_does_not_end_is_given_up_and_its_lock_comes_back() {
    let shop = Shop::new();
    let begun = shop.runtime.now();
    let error = shop.runtime.block_on(async {
        let guard = shop.redsync.mutex(NAME).lock().await.expect("free");
        hand_over(guard, WAIT, |_| pending::<Result<(), PublishError<String>>>()).await.expect_err("no end")
    });
    let took = shop.runtime.now().since(begun);
    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(31), "{took:?}");
    let HandOverError::Unheard { lock: Ok(guard) } = error else { panic!("{error:?}") };
    assert!(guard.is_valid());
}

#[test]
fn a_publish_may_take_longer_than_its_lock_waits_and_then_nobody_has_it() {
    let shop = Shop::new();
    let wait = Duration::from_secs(20);
    let error = shop.runtime.block_on(async {
        let guard = shop.redsync.mutex(NAME).lock().await.expect("free");
        hand_over(guard, wait, |_| pending::<Result<(), PublishError<String>>>()).await.expect_err("no end")
    });
    let HandOverError::Unheard { lock: Err(why) } = error else { panic!("{error:?}") };
    assert_eq!(why.kind(), ErrorKind::Expired);
    assert_eq!(shop.locks_left(), 0);
}

#[test]
fn a_hand_over_that_is_dropped_takes_its_token_back() {
    for polls in 0.. {
        let shop = Shop::new();
        let guard = shop.runtime.block_on(shop.redsync.mutex(NAME).lock()).expect("free");
        let confirmed = shop.runtime.sleep_until(shop.runtime.now().plus(RETRY));
        let publish = |_| async {
            confirmed.await;
            Ok::<_, PublishError<String>>(())
        };
        if shop.runtime.block_on(drop_after(polls, hand_over(guard, WAIT, publish))).is_some() {
            return assert!(polls > 1, "it is waited for");
        }
        shop.settle();
        assert_eq!(shop.locks_left(), 0, "dropped after {polls} polls");
    }
}

#[test]
fn work_goes_on_for_longer_than_its_ttl_and_stops_with_its_lock() {
    let mut shop = Shop::new();
    shop.enqueue(1138);
    let (worker, runtime, nodes) = (shop.worker(), shop.runtime.clone(), shop.nodes.clone());
    let pause = |time: Duration| runtime.sleep_until(runtime.now().plus(time));
    let processed = runtime.block_on(async {
        let message = shop.receiver.receive().await.expect("a message");
        let work = |_| async {
            pause(TTL * 3).await;
            nodes.iter().for_each(|node| _ = node.execute(&["DEL", NAME]).expect("up"));
            pause(TTL * 3).await;
            Ok::<_, &str>(())
        };
        worker.process(&message, work).await
    });
    assert!(matches!(processed.outcome, Outcome::Lost(_)), "{:?}", processed.outcome);
    assert_eq!(processed.told.expect("it cannot fail"), Told::ToDeliverAgain(RETRY));
}

#[test]
fn what_waits_to_be_delivered_again_comes_when_the_runtime_has_ended() {
    let mut shop = Shop::new();
    let Shop { runtime, receiver, sender, .. } = &mut shop;
    runtime.block_on(async {
        sender.send(Headers::new(), 7).await.expect("room");
        receiver.receive().await.expect("there").deliver_again(TTL).await.expect("it cannot fail");
        runtime.drop_tasks();
        assert_eq!(*receiver.receive().await.expect("there").body(), 7);
    });
}

#[test]
fn what_is_settled_does_not_come_again_however_often_that_is_said() {
    let Shop { runtime, mut receiver, sender, .. } = Shop::new();
    runtime.block_on(async {
        sender.send(Headers::new(), 7).await.expect("room");
        drop(sender);
        let message = receiver.receive().await.expect("there");
        for _ in 0..3 {
            message.acknowledge().await.expect("it cannot fail");
            message.deliver_again(RETRY).await.expect("it cannot fail");
            message.dead_letter("why").await.expect("it cannot fail");
        }
        drop(message);
        assert!(receiver.receive().await.is_none());
        assert!(receiver.dead_letters().is_empty());
    });
}

#[test]
fn debug_does_not_show_the_token() {
    let shop = Shop::new();
    shop.enqueue(7);
    let Shop { runtime, mut receiver, .. } = shop;
    let message = runtime.block_on(receiver.receive()).expect("there");
    let token = message.headers()[redsync_queue::TOKEN_HEADER].clone();
    runtime.block_on(message.dead_letter("why")).expect("it cannot fail");
    let shown = format!("{:?}", receiver.dead_letters());
    assert!(shown.contains(redsync_queue::TOKEN_HEADER) && !shown.contains(&token), "{shown}");
}

#[test]
fn so_many_at_once_and_what_is_begun_is_finished() {
    let mut shop = Shop::new();
    let Shop { runtime, receiver, sender, .. } = &mut shop;
    let (at_work, most, done) = (Cell::new(0), Cell::new(0), Cell::new(0));
    runtime.block_on(async {
        for job in 0..16 {
            sender.send(Headers::new(), job).await.expect("room");
        }
        let stop = runtime.sleep_until(runtime.now().plus(RETRY * 2 + RETRY / 2));
        let work = |message: Delivery<u32>| async {
            at_work.set(at_work.get() + 1);
            most.set(at_work.get().max(most.get()));
            runtime.sleep_until(runtime.now().plus(RETRY)).await;
            message.acknowledge().await.expect("it cannot fail");
            at_work.set(at_work.get() - 1);
            done.set(done.get() + 1);
            // Dropped here, and not with the closure.
            drop(message);
        };
        consume(receiver, 4, stop, work).await.expect("it cannot fail");
    });
    assert_eq!((most.get(), done.get()), (4, 12), "three times four had begun");
}

#[test]
fn the_loop_ends_with_its_source() {
    let Shop { runtime, mut receiver, sender, .. } = Shop::new();
    let done = Cell::new(0);
    runtime.block_on(async {
        for job in 0..3 {
            sender.send(Headers::new(), job).await.expect("room");
        }
        drop(sender);
        let work = |message: Delivery<u32>| async {
            message.acknowledge().await.expect("it cannot fail");
            done.set(done.get() + 1);
            drop(message);
        };
        consume(&mut receiver, 2, pending::<()>(), work).await.expect("it cannot fail");
    });
    assert_eq!(done.get(), 3);
}
