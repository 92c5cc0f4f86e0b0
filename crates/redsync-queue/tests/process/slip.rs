//! A message whose broker does as it is told, and locks over nodes in memory.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    io,
    sync::Mutex,
    time::Duration,
};

use redsync_core::{LockToken, Redsync, Runtime};
use redsync_queue::{Envelope, Message, Processed, Worker};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};

pub(crate) const NAME: &str = "report:7";
pub(crate) const TTL: Duration = Duration::from_secs(8);
pub(crate) const WAIT: Duration = Duration::from_secs(600);

type Headers = BTreeMap<String, String>;

pub(crate) struct Shop {
    pub(crate) runtime: VirtualRuntime,
    pub(crate) nodes: Vec<MemoryNode>,
    pub(crate) redsync: Redsync,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let runtime = VirtualRuntime::new(3);
        let (nodes, redsync) = quorum(&runtime, 3);
        Self { runtime, nodes, redsync }
    }

    pub(crate) fn token(&self) -> LockToken {
        self.runtime.block_on(async {
            let guard = self.redsync.mutex(NAME).fenced().lock().await.expect("free");
            guard.hand_over(WAIT).await.expect("reachable")
        })
    }

    pub(crate) fn slip(&self) -> Slip {
        Slip::new(&self.runtime, &self.token())
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::new(self.redsync.clone())
    }

    /// By a handler that takes so long and is done.
    pub(crate) fn process(&self, slip: &Slip, takes: Duration) -> Processed<(), (), io::Error> {
        self.process_by(&self.worker(), slip, takes)
    }

    pub(crate) fn process_by(
        &self,
        worker: &Worker,
        slip: &Slip,
        takes: Duration,
    ) -> Processed<(), (), io::Error> {
        self.runtime.block_on(worker.process(slip, |_| async {
            self.pause(takes).await;
            Ok(())
        }))
    }

    pub(crate) async fn pause(&self, time: Duration) {
        self.runtime.sleep_until(self.runtime.now().plus(time)).await;
    }

    pub(crate) fn lock_left(&self) -> Option<Duration> {
        self.nodes.iter().filter_map(|node| node.ttl(NAME)).max()
    }
}

pub(crate) fn quorum(runtime: &VirtualRuntime, count: usize) -> (Vec<MemoryNode>, Redsync) {
    let nodes: Vec<_> = (0..count).map(|_| MemoryNode::new(runtime.shared())).collect();
    let redsync = Redsync::builder(runtime.shared()).nodes(nodes.iter().cloned()).build().expect("valid");
    (nodes, redsync)
}

/// How the broker answers; at once if nothing is said.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Fails,
    Hangs,
    Takes(Duration),
}

/// A message, and what its broker was told of it.
pub(crate) struct Slip {
    pub(crate) runtime: VirtualRuntime,
    pub(crate) headers: Headers,
    pub(crate) is_redelivered: bool,
    pub(crate) is_settled: bool,
    attempt: Option<u64>,
    /// To what settles it, call by call.
    pub(crate) answers: Mutex<VecDeque<Answer>>,
    pub(crate) told: Mutex<Vec<String>>,
    why: Mutex<Option<String>>,
    pub(crate) beats_every: Option<Duration>,
    /// To those, call by call.
    pub(crate) beat_answers: Mutex<VecDeque<Answer>>,
    pub(crate) beats: Mutex<usize>,
}

impl Slip {
    pub(crate) fn new(runtime: &VirtualRuntime, token: &LockToken) -> Self {
        let mut headers = Headers::new();
        Envelope::plain().put(token, &mut headers);
        Self {
            runtime: runtime.clone(),
            headers,
            is_redelivered: false,
            is_settled: false,
            attempt: None,
            answers: Mutex::default(),
            told: Mutex::default(),
            why: Mutex::default(),
            beats_every: None,
            beat_answers: Mutex::default(),
            beats: Mutex::default(),
        }
    }

    pub(crate) fn answers(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), ..self }
    }

    pub(crate) fn beats_every(self, every: Duration) -> Self {
        Self { beats_every: Some(every), ..self }
    }

    pub(crate) fn redelivered(self) -> Self {
        Self { is_redelivered: true, ..self }
    }

    pub(crate) fn attempt(self, attempt: Option<u64>) -> Self {
        Self { attempt, ..self }
    }

    /// Why it is a dead letter, if it is one.
    pub(crate) fn why(&self) -> Option<String> {
        self.why.lock().expect("sound").clone()
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().expect("sound").clone()
    }

    pub(crate) fn beats(&self) -> usize {
        *self.beats.lock().expect("sound")
    }

    pub(crate) async fn answer(&self, answers: &Mutex<VecDeque<Answer>>) -> io::Result<()> {
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

    pub(crate) async fn settle(&self, how: impl Into<String>) -> io::Result<()> {
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

    fn attempt(&self) -> Option<u64> {
        self.attempt
    }

    async fn acknowledge(&self) -> io::Result<()> {
        self.settle("acknowledged").await
    }

    async fn deliver_again(&self, after: Duration) -> io::Result<()> {
        self.settle(format!("again after {after:?}")).await
    }

    async fn put_off(&self, after: Duration) -> io::Result<()> {
        self.settle(format!("put off for {after:?}")).await
    }

    async fn dead_letter(&self, why: &str) -> io::Result<()> {
        self.settle("dead").await?;
        *self.why.lock().expect("sound") = Some(why.to_owned());
        Ok(())
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
