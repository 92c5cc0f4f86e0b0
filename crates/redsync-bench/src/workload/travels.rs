//! A lock changes hands between its being taken and its release.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use redsync_queue::{
    Envelope, Outcome, PublishError, Worker,
    channel::{Headers, Receiver, Sender, channel},
    hand_over,
};
use redsync_redis_rs::{Mutex, Redsync};

use super::{Workload, block_on};
use crate::{
    BoxError,
    args::Args,
    figures::Row,
    locker::TTL,
    measure::{Contestant, Entry, Setting, Turn, compete, repeat},
    stage::Stage,
};

pub(super) const WORKLOAD: Workload = Workload {
    letter: "h",
    name: "travels",
    about: "A lock is handed over and adopted between its being taken and its release, beside one that stays. The floor here \
            is the lock that stays.",
    run,
};

const STAYS: &str = "lock + release";

fn run(args: &Args) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for nodes in [1, 5] {
        let stage = Stage::with(nodes)?;
        rows.extend(block_on(measure(args, &stage, nodes))?);
    }
    Ok(rows)
}

async fn measure(args: &Args, stage: &Stage, nodes: usize) -> Result<Vec<Row>, BoxError> {
    let redsync = redsync_redis_rs::connect(stage.urls()).await?;
    let mutex = redsync.mutex("travels").ttl(TTL);
    let (sender, receiver) = channel(Arc::clone(redsync.runtime()), 1);
    let adopted = Adopted { redsync: redsync.clone(), mutex: mutex.clone() };
    let queued = Queued { mutex: mutex.clone(), worker: Worker::new(redsync), sender, receiver };
    let entries = vec![
        entry(args, STAYS, Stays(mutex)).await?,
        entry(args, "lock + hand_over + adopt + release", adopted).await?,
        entry(args, "the same through a channel", queued).await?,
    ];
    compete(Setting { workload: WORKLOAD.letter, nodes, how: "" }, args.rounds, entries).await
}

async fn entry<'a, W: Way + 'a>(
    args: &'a Args,
    what: &'static str,
    mut way: W,
) -> Result<Entry<'a>, BoxError> {
    for _ in 0..args.warm_up {
        way.once().await?;
    }
    Ok(Entry { what, floor: Some(STAYS), contestant: Box::new(Over { args, way }) })
}

/// What a lock goes through.
trait Way {
    fn once(&mut self) -> impl Future<Output = Result<(), BoxError>>;
}

struct Over<'a, W> {
    args: &'a Args,
    way: W,
}

impl<W: Way> Contestant for Over<'_, W> {
    fn turn(&mut self) -> LocalBoxFuture<'_, Result<Turn, BoxError>> {
        Box::pin(repeat(self.args, async || self.way.once().await))
    }
}

/// It is not handed over.
struct Stays(Mutex);

impl Way for Stays {
    async fn once(&mut self) -> Result<(), BoxError> {
        self.0.lock().await?.release().await?;
        Ok(())
    }
}

/// By its token, without a queue.
struct Adopted {
    redsync: Redsync,
    mutex: Mutex,
}

impl Way for Adopted {
    async fn once(&mut self) -> Result<(), BoxError> {
        let token = self.mutex.lock().await?.hand_over(TTL).await?;
        self.redsync.adopt(&token).await?.release().await?;
        Ok(())
    }
}

/// Through the queue within the process, with a job that does nothing.
struct Queued {
    mutex: Mutex,
    worker: Worker,
    sender: Sender<()>,
    receiver: Receiver<()>,
}

impl Way for Queued {
    async fn once(&mut self) -> Result<(), BoxError> {
        let guard = self.mutex.lock().await?;
        let sender = &self.sender;
        let publish = |token| async move {
            let mut headers = Headers::new();
            Envelope::plain().put(&token, &mut headers);
            sender.send(headers, ()).await.map_err(PublishError::NotPublished)
        };
        hand_over(guard, TTL, publish).await?;
        let delivery = self.receiver.receive().await.ok_or("the queue is closed")?;
        let processed = self.worker.process(&delivery, |_| async { Ok::<_, BoxError>(()) }).await;
        if matches!(processed.outcome, Outcome::Done(())) {
            Ok(())
        } else {
            Err(format!("{processed:?}").into())
        }
    }
}
