//! A lock changes hands between its being taken and its release.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use redsync_queue::{
    Envelope, Outcome, PublishError, Worker,
    channel::{Headers, Receiver, Sender, channel},
    hand_over,
};
use redsync_redis_rs::{Mutex, Redsync};

use super::{TTL, alone::Lock};
use crate::{
    BoxError,
    args::Args,
    measure::{Contestant, Figures, compete},
    stage::Stage,
};

pub(crate) async fn run(args: &Args, nodes: usize) -> Result<Vec<Figures>, BoxError> {
    let stage = Stage::with(nodes)?;
    let redsync = stage.redsync().await?;
    let mutex = redsync.mutex("travels").ttl(TTL);
    let (sender, receiver) = channel(Arc::clone(redsync.runtime()), 1);
    let mut stays = Lock(mutex.clone());
    let mut adopted = Adopted { redsync: redsync.clone(), mutex: mutex.clone() };
    let mut queued = Queued { mutex, worker: Worker::new(redsync), sender, receiver };
    compete(args, &mut [&mut stays, &mut adopted, &mut queued]).await
}

/// By its token, without a queue.
struct Adopted {
    redsync: Redsync,
    mutex: Mutex,
}

impl Contestant for Adopted {
    fn name(&self) -> &'static str {
        "lock + hand_over + adopt + release"
    }

    fn once(&mut self) -> LocalBoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            let token = self.mutex.lock().await?.hand_over(TTL).await?;
            self.redsync.adopt(&token).await?.release().await?;
            Ok(())
        })
    }
}

/// Through the queue within the process, with a job that does nothing.
struct Queued {
    mutex: Mutex,
    worker: Worker,
    sender: Sender<()>,
    receiver: Receiver<()>,
}

impl Contestant for Queued {
    fn name(&self) -> &'static str {
        "the same through a channel"
    }

    fn once(&mut self) -> LocalBoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
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
        })
    }
}
