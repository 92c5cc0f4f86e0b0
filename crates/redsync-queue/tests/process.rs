//! What a worker makes of a message, by a broker that does as it is told, on a virtual clock.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests state what they expect"
)]

use std::{
    collections::VecDeque,
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    time::Duration,
};

use futures_util::future::join;
use redsync_core::{LockToken, Redsync, Released, Runtime};
use redsync_queue::{
    Discard, Envelope, HandOverError, LockEnd, Message, NotLocked, Otherwise, Outcome, Policy, Processed,
    PublishError, Told, Untold, Work, Worker, channel::Headers, hand_over,
};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};

const NAME: &str = "report:7";
const TTL: Duration = Duration::from_secs(8);
const WAIT: Duration = Duration::from_secs(600);

struct Shop {
    runtime: VirtualRuntime,
    nodes: Vec<MemoryNode>,
    redsync: Redsync,
}

impl Shop {
    fn new() -> Self {
        let runtime = VirtualRuntime::new(3);
        let (nodes, redsync) = quorum(&runtime, 3);
        Self { runtime, nodes, redsync }
    }

    fn token(&self) -> LockToken {
        self.runtime.block_on(async {
            let guard = self.redsync.mutex(NAME).fenced().lock().await.expect("free");
            guard.hand_over(WAIT).await.expect("reachable")
        })
    }

    fn slip(&self) -> Slip {
        Slip::new(&self.runtime, &self.token())
    }

    fn worker(&self) -> Worker {
        Worker::new(self.redsync.clone())
    }

    /// By a handler that takes so long and is done.
    fn process(&self, slip: &Slip, takes: Duration) -> Processed<(), (), io::Error> {
        self.process_by(&self.worker(), slip, takes)
    }

    fn process_by(&self, worker: &Worker, slip: &Slip, takes: Duration) -> Processed<(), (), io::Error> {
        self.runtime.block_on(worker.process(slip, |_| async {
            self.pause(takes).await;
            Ok(())
        }))
    }

    async fn pause(&self, time: Duration) {
        self.runtime.sleep_until(self.runtime.now().plus(time)).await;
    }

    fn lock_left(&self) -> Option<Duration> {
        self.nodes.iter().filter_map(|node| node.ttl(NAME)).max()
    }
}

fn quorum(runtime: &VirtualRuntime, count: usize) -> (Vec<MemoryNode>, Redsync) {
    let nodes: Vec<_> = (0..count).map(|_| MemoryNode::new(runtime.shared())).collect();
    let redsync = Redsync::builder(runtime.shared()).nodes(nodes.iter().cloned()).build().expect("valid");
    (nodes, redsync)
}

/// How the broker answers; at once if nothing is said.
#[derive(Clone, Copy)]
enum Answer {
    Fails,
    Hangs,
    Takes(Duration),
}

/// A message, and what its broker was told of it.
struct Slip {
    runtime: VirtualRuntime,
    headers: Headers,
    is_redelivered: bool,
    is_settled: bool,
    /// To what settles it, call by call.
    answers: Mutex<VecDeque<Answer>>,
    told: Mutex<Vec<String>>,
    beats_every: Option<Duration>,
    /// To those, call by call.
    beat_answers: Mutex<VecDeque<Answer>>,
    beats: Mutex<usize>,
}

impl Slip {
    fn new(runtime: &VirtualRuntime, token: &LockToken) -> Self {
        let mut headers = Headers::new();
        Envelope::plain().put(token, &mut headers);
        Self {
            runtime: runtime.clone(),
            headers,
            is_redelivered: false,
            is_settled: false,
            answers: Mutex::default(),
            told: Mutex::default(),
            beats_every: None,
            beat_answers: Mutex::default(),
            beats: Mutex::default(),
        }
    }

    fn answers(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), ..self }
    }

    fn beats_every(self, every: Duration) -> Self {
        Self { beats_every: Some(every), ..self }
    }

    fn redelivered(self) -> Self {
        Self { is_redelivered: true, ..self }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().expect("sound").clone()
    }

    fn beats(&self) -> usize {
        *self.beats.lock().expect("sound")
    }

    async fn answer(&self, answers: &Mutex<VecDeque<Answer>>) -> io::Result<()> {
        let answer = answers.lock().expect("sound").pop_front();
        match answer {
            None => Ok(()),
            Some(Answer::Fails) => Err(io::ErrorKind::TimedOut.into()),
            Some(Answer::Hangs) => pending().await,
            Some(Answer::Takes(time)) => {
                self.runtime.sleep_until(self.runtime.now().plus(time)).await;
                Ok(())
            }
        }
    }

    async fn settle(&self, how: impl Into<String>) -> io::Result<()> {
        self.answer(&self.answers).await?;
        self.told.lock().expect("sound").push(how.into());
        Ok(())
    }
}

impl Message for Slip {
    type Headers = Headers;
    type Error = io::Error;

    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn is_redelivered(&self) -> bool {
        self.is_redelivered
    }

    async fn acknowledge(&self) -> io::Result<()> {
        self.settle("acknowledged").await
    }

    async fn deliver_again(&self, after: Duration) -> io::Result<()> {
        self.settle(format!("again after {after:?}")).await
    }

    async fn dead_letter(&self, _: &str) -> io::Result<()> {
        self.settle("dead").await
    }

    async fn is_settled(&self) -> io::Result<bool> {
        Ok(self.is_settled)
    }

    fn keep_alive_every(&self) -> Option<Duration> {
        self.beats_every
    }

    async fn keep_alive(&self) -> io::Result<()> {
        *self.beats.lock().expect("sound") += 1;
        self.answer(&self.beat_answers).await
    }
}

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
    assert_eq!(slip.told(), [format!("again after {TTL:?}")]);
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
