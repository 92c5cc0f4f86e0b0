//! What is compared: ways to take a lock and to give it back.

mod answers;
mod bare;
mod fenced;
mod fred;
mod ours;
mod published;
mod redis_rs;
mod rslock;

use std::time::Duration;

use redsync_core::Redsync;
use serde::{Deserialize, Serialize};

use crate::BoxError;
use bare::{Bare, Until};
use fenced::FencedBare;
use ours::Fenced;
use published::Published;

/// Of all locks here.
pub(crate) const TTL: Duration = Duration::from_secs(8);

/// One way to take locks and to give them back.
pub(crate) trait Locker: Clone + Send + Sync + 'static {
    /// A lock that can be taken over and over.
    type Lock: Clone + Send + Sync + 'static;
    type Held: Send + 'static;

    fn named(&self, name: &str) -> impl Future<Output = Result<Self::Lock, BoxError>> + Send;

    /// Waits until it has the lock.
    fn take(&self, lock: &Self::Lock) -> impl Future<Output = Result<Self::Held, BoxError>> + Send;

    fn give(&self, held: Self::Held) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// The contestants by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// The bare commands, until every node has answered.
    RedisRsBare,
    /// The same until a quorum has.
    RedisRsQuorum,
    FredBare,
    FredQuorum,
    Rslock,
    RedisRs,
    Fred,
    /// The bare commands by whoever is woken by a `PUBLISH`.
    RedisRsPublish,
    FredPublish,
    /// The script that draws a fencing number, until a quorum has answered.
    RedisRsFencedBare,
    FredFencedBare,
    RedisRsFenced,
    FredFenced,
}

impl Kind {
    /// Those that can wait for a lock that somebody else has.
    pub(crate) const WAITING: [Self; 5] =
        [Self::RedisRsPublish, Self::FredPublish, Self::Rslock, Self::RedisRs, Self::Fred];

    /// Those that take a lock that nobody wants at the same time. On one node, all are a quorum.
    pub(crate) fn all(nodes: usize) -> Vec<Self> {
        let all = [
            Self::RedisRsBare,
            Self::RedisRsQuorum,
            Self::FredBare,
            Self::FredQuorum,
            Self::Rslock,
            Self::RedisRs,
            Self::Fred,
        ];
        let is_for = |kind: &Self| nodes > 1 || !matches!(kind, Self::RedisRsQuorum | Self::FredQuorum);
        all.into_iter().filter(is_for).collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RedisRsBare => "redis-rs, bare",
            Self::RedisRsQuorum => "redis-rs, bare, to a quorum",
            Self::FredBare => "fred, bare",
            Self::FredQuorum => "fred, bare, to a quorum",
            Self::Rslock => "rslock",
            Self::RedisRs => "redsync over redis-rs",
            Self::Fred => "redsync over fred",
            Self::RedisRsPublish => "redis-rs, bare, woken by PUBLISH",
            Self::FredPublish => "fred, bare, woken by PUBLISH",
            Self::RedisRsFencedBare => "redis-rs, bare, fenced",
            Self::FredFencedBare => "fred, bare, fenced",
            Self::RedisRsFenced => "redsync over redis-rs, fenced",
            Self::FredFenced => "redsync over fred, fenced",
        }
    }

    /// What nobody over the same client can be better than.
    pub(crate) fn floor(self, nodes: usize) -> Self {
        match (self.is_over_fred(), nodes) {
            (false, _) if self.is_fenced() => Self::RedisRsFencedBare,
            (true, _) if self.is_fenced() => Self::FredFencedBare,
            (false, 1) => Self::RedisRsBare,
            (false, _) => Self::RedisRsQuorum,
            (true, 1) => Self::FredBare,
            (true, _) => Self::FredQuorum,
        }
    }

    /// The same where they wait.
    pub(crate) fn waiting_floor(self) -> Self {
        if self.is_over_fred() { Self::FredPublish } else { Self::RedisRsPublish }
    }

    fn is_over_fred(self) -> bool {
        let is_plain = matches!(self, Self::FredBare | Self::FredQuorum | Self::Fred);
        is_plain || matches!(self, Self::FredPublish | Self::FredFencedBare | Self::FredFenced)
    }

    fn is_fenced(self) -> bool {
        let is_bare = matches!(self, Self::RedisRsFencedBare | Self::FredFencedBare);
        is_bare || matches!(self, Self::RedisRsFenced | Self::FredFenced)
    }

    /// What this is all about, by the driver of this kind.
    pub(crate) async fn redsync(self, urls: &[String]) -> Result<Redsync, BoxError> {
        if self.is_over_fred() {
            Ok(redsync_fred::connect(urls).await?)
        } else {
            Ok(redsync_redis_rs::connect(urls).await?)
        }
    }

    /// Connects, and has the visitor go on with what came of it.
    pub(crate) async fn visit<V: Visitor>(self, urls: &[String], visitor: V) -> Result<V::Output, BoxError> {
        match self {
            Self::RedisRsBare => visitor.visit(Bare::<redis_rs::Wire>::to(urls, Until::All).await?).await,
            Self::RedisRsQuorum => {
                visitor.visit(Bare::<redis_rs::Wire>::to(urls, Until::Quorum).await?).await
            }
            Self::FredBare => visitor.visit(Bare::<fred::Wire>::to(urls, Until::All).await?).await,
            Self::FredQuorum => visitor.visit(Bare::<fred::Wire>::to(urls, Until::Quorum).await?).await,
            Self::Rslock => visitor.visit(rslock::Locker::to(urls)).await,
            Self::RedisRs | Self::Fred => visitor.visit(self.redsync(urls).await?).await,
            Self::RedisRsPublish => visitor.visit(Published::<redis_rs::Wire>::to(urls).await?).await,
            Self::FredPublish => visitor.visit(Published::<fred::Wire>::to(urls).await?).await,
            Self::RedisRsFencedBare => visitor.visit(FencedBare::<redis_rs::Wire>::to(urls).await?).await,
            Self::FredFencedBare => visitor.visit(FencedBare::<fred::Wire>::to(urls).await?).await,
            Self::RedisRsFenced | Self::FredFenced => visitor.visit(Fenced(self.redsync(urls).await?)).await,
        }
    }
}

/// What is done with a locker, whichever it is.
pub(crate) trait Visitor {
    type Output;

    fn visit<L: Locker>(self, locker: L) -> impl Future<Output = Result<Self::Output, BoxError>>;
}
