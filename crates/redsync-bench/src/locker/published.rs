//! The floor of those who wait: first come, first served within a process, and woken by a `PUBLISH`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::RngExt;
use tokio::{
    sync::{Mutex, Notify},
    time::timeout,
};

use super::{
    TTL,
    answers::Nodes,
    bare::{Bare, Until, Wire},
};
use crate::{BoxError, machine::Alarm};

/// A wire that brings messages too.
pub(super) trait Listen: Wire {
    /// Calls back for each message of the channel, for as long as the runtime lasts.
    fn listen(
        url: &str,
        channel: &str,
        on_message: impl Fn() + Send + 'static,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Its key is the lock, its arguments are the value and the channel.
const RELEASE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], '')
return 1";
const RELEASE_SHA1: &str = "60c9563f16d717e9431fd97c6656e58dcbf255c5";

/// By when to look without a message: a holder that died sends none.
const POLL: Duration = Duration::from_millis(100);
/// Up to how long those pause whose votes were split.
const JITTER: Duration = Duration::from_millis(1);

/// The bare commands, by one contender for each process.
#[derive(Clone)]
pub(crate) struct Published<W> {
    bare: Bare<W>,
    urls: Arc<[String]>,
}

/// A lock that others wait for.
pub(crate) struct Contested {
    name: String,
    channel: String,
    /// Whoever has it contends; it is handed on in the order in which it was asked for.
    line: Mutex<Alarm>,
    news: Arc<News>,
}

/// How many messages there were from each node.
struct News {
    messages: Vec<AtomicU64>,
    came: Notify,
}

impl<W: Listen> Published<W> {
    pub(super) async fn to(urls: &[String]) -> Result<Self, BoxError> {
        let bare = Bare::to(urls, Until::Quorum).await?;
        bare.load(RELEASE).await?;
        Ok(Self { bare, urls: urls.into() })
    }

    async fn release(&self, nodes: Nodes, lock: &Contested, value: &str) -> Nodes {
        let words = ["EVALSHA", RELEASE_SHA1, "1", &lock.name, value, &lock.channel];
        self.bare.vote(nodes, &words).await
    }
}

impl<W: Listen> super::Locker for Published<W> {
    type Lock = Arc<Contested>;
    type Held = (Arc<Contested>, String);

    async fn named(&self, name: &str) -> Result<Arc<Contested>, BoxError> {
        let channel = format!("{name} is free");
        let messages = self.urls.iter().map(|_| AtomicU64::new(0)).collect();
        let news = Arc::new(News { messages, came: Notify::new() });
        for (node, url) in self.urls.iter().enumerate() {
            let news = Arc::clone(&news);
            W::listen(url, &channel, move || news.note(node)).await?;
        }
        Ok(Arc::new(Contested { name: name.to_owned(), channel, line: Mutex::new(Alarm::new()?), news }))
    }

    async fn take(&self, lock: &Arc<Contested>) -> Result<Self::Held, BoxError> {
        let alarm = lock.line.lock().await;
        let ttl = TTL.as_millis().to_string();
        loop {
            let (seen, value) = (lock.news.seen(), self.bare.value());
            let granted = self.bare.vote(Nodes::ALL, &["SET", &lock.name, &value, "NX", "PX", &ttl]).await;
            if granted.count() >= self.bare.quorum() {
                return Ok((Arc::clone(lock), value));
            }
            let is_split = granted.count() > 0;
            if is_split {
                // The message tells everybody that these nodes are free.
                self.release(granted, lock, &value).await;
            }
            // A wait that is too long says that there was no message.
            let _ = timeout(POLL, lock.news.until_free(&seen, self.bare.quorum())).await;
            if is_split {
                let pause = rand::rng().random_range(Duration::ZERO..JITTER);
                alarm.wait(pause).await?;
            }
        }
    }

    async fn give(&self, (lock, value): Self::Held) -> Result<(), BoxError> {
        let deleted = self.release(Nodes::ALL, &lock, &value).await;
        if deleted.count() >= self.bare.quorum() { Ok(()) } else { Err("it was gone".into()) }
    }
}

impl News {
    fn note(&self, node: usize) {
        if let Some(messages) = self.messages.get(node) {
            messages.fetch_add(1, Ordering::Relaxed);
            self.came.notify_one();
        }
    }

    fn seen(&self) -> Vec<u64> {
        self.messages.iter().map(|messages| messages.load(Ordering::Relaxed)).collect()
    }

    /// Resolves once that many nodes have said that the lock is free there since then.
    async fn until_free(&self, seen: &[u64], quorum: usize) {
        let is_free = |(messages, seen): &(u64, &u64)| messages > *seen;
        while self.seen().into_iter().zip(seen).filter(is_free).count() < quorum {
            self.came.notified().await;
        }
    }
}
