//! Jobs in Redis streams, on a real server: the handler goes by one driver, the worker by the other.
#![cfg(all(unix, feature = "streams"))]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use redsync_core::{ErrorKind, LockToken, Node, Redsync};
use redsync_queue::{
    Carrier, Envelope, HandOverError, Message, NotLocked, Outcome, Policy, PublishError, Told, WHY_HEADER,
    Worker, hand_over,
    streams::{Consumer, Delivery, Fields, Publisher, Server},
};
use redsync_testkit::{
    cancel::drop_after,
    server::{self, Proxy},
};
use tokio::time::timeout;

const NAME: &str = "report:7";
const JOBS: &str = "jobs";
const GROUP: &str = "workers";
const WAIT: Duration = Duration::from_secs(60);
/// After how long a message is another consumer's here.
const CLAIM: Duration = Duration::from_millis(400);
/// For what is to come.
const LONG: Duration = Duration::from_secs(10);
/// For what is not to come, where the claim time has gone by twice.
const QUIET: Duration = Duration::from_millis(1000);

struct Place {
    server: server::Server,
    handler: Redsync,
    worker: Redsync,
}

impl Place {
    async fn new() -> Self {
        let server = server::Builder::default().config("appendonly yes").start().expect("a server");
        let handler = redsync_redis_rs::connect([server.url()]).await.expect("reachable");
        let worker = redsync_fred::connect([server.url()]).await.expect("reachable");
        Self { server, handler, worker }
    }

    fn publisher(&self) -> Publisher {
        self.publisher_to(&self.server.url())
    }

    fn publisher_to(&self, url: &str) -> Publisher {
        let node = redsync_redis_rs::RedisNode::open(url).expect("a runtime");
        Publisher::new(Server::new(node, Arc::clone(self.handler.runtime())), JOBS)
    }

    fn consumer(&self, name: &str) -> Consumer {
        self.consumer_of(JOBS, name)
    }

    fn consumer_of(&self, stream: &str, name: &str) -> Consumer {
        let node = || redsync_fred::RedisNode::open(&self.server.url()).expect("a runtime");
        self.consumer_over(node(), node(), stream, name)
    }

    /// Which settles by the proxy, and is not waited for where that loses something.
    fn consumer_by(&self, proxy: &Proxy, name: &str) -> Consumer {
        let node = redsync_fred::RedisNode::open(&proxy.url()).expect("a runtime");
        let reader = redsync_fred::RedisNode::open(&self.server.url()).expect("a runtime");
        let server = Server::new(node, Arc::clone(self.worker.runtime())).timeout(CLAIM / 2);
        Consumer::new(server, reader, JOBS, GROUP, name).claim_after(CLAIM)
    }

    fn consumer_over(&self, node: impl Node, reader: impl Node, stream: &str, name: &str) -> Consumer {
        let server = Server::new(node, Arc::clone(self.worker.runtime()));
        Consumer::new(server, reader, stream, GROUP, name).claim_after(CLAIM)
    }

    async fn token(&self) -> LockToken {
        let guard = self.handler.mutex(NAME).lock().await.expect("free");
        guard.hand_over(WAIT).await.expect("reachable")
    }

    /// Hands a lock over with a job.
    async fn enqueue(&self, job: &[u8]) {
        let guard = self.handler.mutex(NAME).lock().await.expect("free");
        let publisher = self.publisher();
        hand_over(guard, WAIT, |token| publish(publisher, token, job.to_vec())).await.expect("published");
    }

    fn pending(&self) -> usize {
        let reply = self.server.command(&["XPENDING", JOBS, GROUP]).expect("a group");
        format!("{reply:?}").matches("Bulk").count()
    }

    fn is_locked(&self) -> bool {
        self.server.command(&["GET", NAME]).expect("up").text().is_some()
    }
}

async fn publish(
    publisher: Publisher,
    token: LockToken,
    job: Vec<u8>,
) -> Result<(), PublishError<redsync_core::NodeError>> {
    let mut headers = Fields::new();
    Envelope::plain().put(&token, &mut headers);
    publisher.publish(headers, job).await
}

async fn next(consumer: &mut Consumer) -> Delivery {
    timeout(LONG, consumer.receive()).await.expect("in time").expect("a message")
}

async fn assert_quiet(consumer: &mut Consumer) {
    let came = timeout(QUIET, consumer.receive()).await;
    assert!(came.is_err(), "{came:?}");
}

#[tokio::test]
async fn a_token_and_a_job_of_any_bytes_arrive_as_they_were_sent() {
    let place = Place::new().await;
    let (token, job) = (place.token().await, [0_u8, 0xFF, b'\r', b'\n']);
    publish(place.publisher(), token.clone(), job.to_vec()).await.expect("published");
    let delivery = next(&mut place.consumer("a")).await;
    assert_eq!(delivery.body(), job);
    assert!(!delivery.is_redelivered());
    let read = Envelope::plain().take(delivery.headers()).expect("there").expect("whole");
    assert_eq!(read, token);
}

#[tokio::test]
async fn what_is_acknowledged_does_not_come_again() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let mut consumer = place.consumer("a");
    let delivery = next(&mut consumer).await;
    delivery.acknowledge().await.expect("up");
    delivery.deliver_again(Duration::ZERO).await.expect("settled already");
    drop(consumer);
    assert_quiet(&mut place.consumer("b")).await;
    assert_eq!(place.server.command(&["XLEN", JOBS]).expect("up"), server::Reply::Int(1), "it stays");
}

#[tokio::test]
async fn what_is_done_is_deleted_where_that_is_wanted() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let mut consumer = place.consumer("a").delete_done(true);
    next(&mut consumer).await.acknowledge().await.expect("up");
    assert_eq!(place.server.command(&["XLEN", JOBS]).expect("up"), server::Reply::Int(0));
}

#[tokio::test]
async fn what_is_to_come_again_comes_after_its_time() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let mut consumer = place.consumer("a");
    let after = CLAIM / 2;
    next(&mut consumer).await.deliver_again(after).await.expect("up");
    let begun = Instant::now();
    let again = next(&mut consumer).await;
    // The server counts whole milliseconds.
    assert!(begun.elapsed() >= after - Duration::from_millis(2), "{:?}", begun.elapsed());
    assert!(again.is_redelivered());
}

#[tokio::test]
async fn what_is_dropped_or_left_by_a_consumer_that_is_gone_is_anothers() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let mut gone = place.consumer("a");
    drop(next(&mut gone).await);
    drop(gone);
    let again = next(&mut place.consumer("b")).await;
    assert!(again.is_redelivered());
    assert_eq!(again.body(), b"job");
}

#[tokio::test]
async fn a_message_that_is_kept_alive_is_not_anothers() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let delivery = next(&mut place.consumer("a")).await;
    let every = delivery.keep_alive_every().expect("a limit");
    let mut other = place.consumer("b");
    for _ in 0..9 {
        assert!(timeout(every, other.receive()).await.is_err(), "it is being worked on");
        delivery.keep_alive().await.expect("up");
    }
    assert!(next(&mut other).await.is_redelivered(), "nothing was heard of it any more");
}

#[tokio::test]
async fn a_dead_letter_says_why_and_does_not_come_again() {
    let place = Place::new().await;
    let token = place.token().await;
    publish(place.publisher(), token.clone(), b"job".to_vec()).await.expect("published");
    let mut consumer = place.consumer("a").dead_letters("graveyard");
    next(&mut consumer).await.dead_letter("no lock").await.expect("up");
    assert_quiet(&mut consumer).await;
    let dead = next(&mut place.consumer_of("graveyard", "undertaker")).await;
    assert_eq!((dead.body(), dead.headers().get(WHY_HEADER).as_deref()), (&b"job"[..], Some("no lock")));
    assert_eq!(Envelope::plain().take(dead.headers()).expect("there").expect("whole"), token);
}

#[tokio::test]
async fn what_was_deleted_from_the_stream_is_nobodys() {
    let place = Place::new().await;
    let publisher = place.publisher();
    publisher.publish(Fields::new(), *b"first").await.expect("published");
    let mut consumer = place.consumer("a");
    let delivery = next(&mut consumer).await;
    place.server.command(&["XDEL", JOBS, delivery.id()]).expect("up");
    publisher.publish(Fields::new(), *b"second").await.expect("published");
    assert_eq!(next(&mut consumer).await.body(), b"second");
    assert!(
        timeout(QUIET, consumer.receive())
            .await
            .is_ok_and(|next| next.is_ok_and(|next| next.body() == b"second"))
    );
}

#[tokio::test]
async fn no_message_is_lost_by_calls_that_are_dropped() {
    let place = Place::new().await;
    let mut consumer = place.consumer("a");
    // It waits at the server by then.
    assert!(timeout(Duration::from_millis(200), consumer.receive()).await.is_err());
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let delivery = next(&mut consumer).await;
    assert!(!delivery.is_redelivered(), "it was asked for once");
}

#[tokio::test]
async fn publishing_tells_what_nobody_will_see_from_what_nobody_knows() {
    let place = Place::new().await;
    let proxy = Proxy::start(place.server.port()).expect("a port");
    let publisher = place.publisher_to(&proxy.url());
    proxy.refuse("XADD", "OOM command not allowed when used memory > 'maxmemory'.");
    let refused = publisher.publish(Fields::new(), *b"refused").await;
    assert!(matches!(refused, Err(PublishError::NotPublished(_))), "{refused:?}");
    proxy.relieve();
    proxy.lose_replies("XADD");
    let unknown = publisher.publish(Fields::new(), *b"unheard").await;
    assert!(matches!(unknown, Err(PublishError::Unknown(_))), "{unknown:?}");
    proxy.relieve();
    let nobody = place.publisher_to("redis://127.0.0.1:1").publish(Fields::new(), *b"nowhere").await;
    assert!(matches!(nobody, Err(PublishError::NotPublished(_))), "{nobody:?}");
    assert_eq!(next(&mut place.consumer("a")).await.body(), b"unheard", "and nothing else");
}

#[tokio::test]
async fn a_job_is_done_under_its_lock() {
    let place = Place::new().await;
    place.enqueue(b"job").await;
    assert!(place.is_locked());
    let delivery = next(&mut place.consumer("a")).await;
    let worker = Worker::new(place.worker.clone());
    let processed = worker.process(&delivery, |work| async move { Ok::<_, ()>(work.name) }).await;
    assert!(matches!(&processed.outcome, Outcome::Done(name) if name == NAME), "{processed:?}");
    assert!(matches!(processed.told, Ok(Told::Acknowledged)));
    place.worker.settled().await;
    assert!(!place.is_locked());
    assert_eq!(place.pending(), 0);
}

#[tokio::test]
async fn a_job_that_fails_comes_again_with_its_lock() {
    let place = Place::new().await;
    place.enqueue(b"job").await;
    let mut consumer = place.consumer("a");
    let worker = Worker::new(place.worker.clone()).policy(Policy::default().retry_after(CLAIM / 4));
    let tries = Mutex::new(0);
    for is_done in [false, true] {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.is_redelivered(), is_done);
        let work = |_| async {
            *tries.lock().expect("sound") += 1;
            if is_done { Ok(()) } else { Err("not yet") }
        };
        let processed = worker.process(&delivery, work).await;
        assert_eq!(matches!(processed.outcome, Outcome::Done(())), is_done, "{processed:?}");
    }
    place.worker.settled().await;
    assert_eq!(*tries.lock().expect("sound"), 2);
    assert!(!place.is_locked());
}

#[tokio::test]
async fn a_job_that_is_done_keeps_no_lock_where_nobody_knows_whether_it_was_acknowledged() {
    let place = Place::new().await;
    for is_heard in [true, false] {
        let proxy = Proxy::start(place.server.port()).expect("a port");
        place.enqueue(b"job").await;
        let delivery = next(&mut place.consumer_by(&proxy, "a")).await;
        if is_heard {
            proxy.lose_replies("XACK");
        } else {
            proxy.lose_requests("XACK");
        }
        let processed = Worker::new(place.worker.clone()).process(&delivery, async |_| Ok::<_, ()>(())).await;
        assert!(matches!(processed.outcome, Outcome::Done(())), "{processed:?}");
        assert!(processed.told.is_err(), "{processed:?}");
        place.worker.settled().await;
        assert!(!place.is_locked(), "it would be for as long as the job might have waited");
        assert_eq!(place.pending() == 0, is_heard);
    }
}

#[tokio::test]
async fn what_is_done_is_deleted_also_where_that_is_tried_twice() {
    let place = Place::new().await;
    let proxy = Proxy::start(place.server.port()).expect("a port");
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    for command in ["XDEL", "XACK"] {
        let mut consumer = place.consumer_by(&proxy, "a").delete_done(true);
        let delivery = next(&mut consumer).await;
        proxy.lose_requests(command);
        delivery.acknowledge().await.expect_err("half of it was not executed");
        proxy.relieve();
        let is_left = place.server.command(&["XLEN", JOBS]).expect("up") != server::Reply::Int(0);
        assert_eq!(is_left, command == "XDEL", "what is left comes again");
    }
    assert_quiet(&mut place.consumer("b")).await;
    assert_eq!(place.pending(), 0);
}

#[tokio::test]
async fn a_lock_whose_message_nobody_knows_of_has_one_side_only() {
    let place = Place::new().await;
    let proxy = Proxy::start(place.server.port()).expect("a port");
    for is_added in [true, false] {
        let publisher = place.publisher_to(&proxy.url());
        if is_added {
            proxy.lose_replies("XADD");
        } else {
            proxy.lose_requests("XADD");
        }
        let guard = place.handler.mutex(NAME).lock().await.expect("free");
        let error = hand_over(guard, WAIT, |token| publish(publisher, token, b"job".to_vec())).await;
        let Err(HandOverError::Unknown { lock: Ok(guard), .. }) = error else { panic!("{error:?}") };
        proxy.relieve();
        let mut consumer = place.consumer("a");
        if is_added {
            let delivery = next(&mut consumer).await;
            let error = place
                .worker
                .adopt(&Envelope::plain().take(delivery.headers()).expect("there").expect("whole"))
                .await
                .expect_err("the handler has it");
            assert_eq!(error.kind(), ErrorKind::AlreadyAdopted);
            delivery.acknowledge().await.expect("up");
        } else {
            assert_quiet(&mut consumer).await;
        }
        guard.release().await.expect("up");
    }
}

#[tokio::test]
async fn what_another_consumer_has_done_does_not_come_as_new() {
    let place = Place::new().await;
    let mut slow = place.consumer("a");
    // It waits at the server by then, and its program turns to something else.
    assert!(timeout(Duration::from_millis(200), slow.receive()).await.is_err());
    place.enqueue(b"job").await;
    let delivery = next(&mut place.consumer("b")).await;
    let done = Worker::new(place.worker.clone()).process(&delivery, |_| async { Ok::<_, ()>(()) }).await;
    assert!(matches!(done.outcome, Outcome::Done(())), "{done:?}");
    assert_quiet(&mut slow).await;
}

#[tokio::test]
async fn what_was_claimed_and_is_acknowledged_then_is_not_done_again() {
    let place = Place::new().await;
    place.enqueue(b"job").await;
    let worker = Worker::new(place.worker.clone());
    let first = next(&mut place.consumer("a")).await;
    let second = next(&mut place.consumer("b")).await;
    let done = worker.process(&first, |_| async { Ok::<_, ()>(()) }).await;
    assert!(matches!((&done.outcome, &done.told), (Outcome::Done(()), Ok(Told::Acknowledged))), "{done:?}");
    let again = worker.process(&second, |_| async { Ok::<_, ()>(()) }).await;
    assert!(matches!(again.outcome, Outcome::NotLocked(NotLocked::Settled)), "{again:?}");
}

#[tokio::test]
async fn a_dead_letter_that_was_dropped_half_way_can_be_settled() {
    let place = Place::new().await;
    place.publisher().publish(Fields::new(), *b"job").await.expect("published");
    let delivery = next(&mut place.consumer("a")).await;
    assert!(drop_after(1, delivery.dead_letter("why")).await.is_none());
    delivery.dead_letter("why").await.expect("up");
    assert_eq!(place.pending(), 0);
}

#[tokio::test]
async fn what_cannot_come_again_is_not_said_to() {
    let place = Place::new().await;
    place.enqueue(b"job").await;
    let delivery = next(&mut place.consumer("a")).await;
    let trims = |_| async {
        place.server.command(&["XTRIM", JOBS, "MAXLEN", "0"]).expect("up");
        Err::<(), _>("no paper")
    };
    let failed = Worker::new(place.worker.clone()).process(&delivery, trims).await;
    assert!(failed.told.is_err(), "{:?}, and nothing waits: {}", failed.told, place.pending());
}

#[tokio::test]
async fn a_stream_that_is_deleted_while_it_is_waited_for_is_made_again() {
    let place = Place::new().await;
    let mut consumer = place.consumer("a");
    place.publisher().publish(Fields::new(), *b"first").await.expect("published");
    next(&mut consumer).await.acknowledge().await.expect("up");
    // It waits at the server by then.
    assert!(timeout(Duration::from_millis(200), consumer.receive()).await.is_err());
    place.server.command(&["DEL", JOBS]).expect("up");
    place.publisher().publish(Fields::new(), *b"second").await.expect("published");
    assert_eq!(next(&mut consumer).await.body(), b"second");
}
