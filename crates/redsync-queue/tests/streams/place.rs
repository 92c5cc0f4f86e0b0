//! A real server with a stream, and the sides that share it.

use std::{sync::Arc, time::Duration};

use redsync_core::{LockToken, Node, Redsync};
use redsync_queue::{
    Envelope, PublishError, hand_over_to,
    streams::{Consumer, Delivery, Publisher, Server},
};
use redsync_testkit::server::{self, Proxy};
use tokio::time::timeout;

pub(crate) const NAME: &str = "report:7";
pub(crate) const JOBS: &str = "jobs";
pub(crate) const GROUP: &str = "workers";
pub(crate) const WAIT: Duration = Duration::from_secs(60);
/// After how long a message is another consumer's here.
pub(crate) const CLAIM: Duration = Duration::from_millis(400);
/// For what is to come.
pub(crate) const LONG: Duration = Duration::from_secs(10);
/// For what is not to come, where the claim time has gone by twice.
pub(crate) const QUIET: Duration = Duration::from_millis(1000);

pub(crate) struct Place {
    pub(crate) server: server::Server,
    pub(crate) handler: Redsync,
    pub(crate) worker: Redsync,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let server = server::Builder::default().config("appendonly yes").start().expect("a server");
        let handler = redsync_redis_rs::connect([server.url()]).await.expect("reachable");
        let worker = redsync_fred::connect([server.url()]).await.expect("reachable");
        Self { server, handler, worker }
    }

    pub(crate) fn publisher(&self) -> Publisher {
        self.publisher_to(&self.server.url())
    }

    pub(crate) fn publisher_to(&self, url: &str) -> Publisher {
        let node = redsync_redis_rs::RedisNode::open(url).expect("a runtime");
        Publisher::new(Server::new(node, Arc::clone(self.handler.runtime())), JOBS)
    }

    pub(crate) fn consumer(&self, name: &str) -> Consumer {
        self.consumer_of(JOBS, name)
    }

    pub(crate) fn consumer_of(&self, stream: &str, name: &str) -> Consumer {
        let node = || redsync_fred::RedisNode::open(&self.server.url()).expect("a runtime");
        self.consumer_over(node(), node(), stream, name)
    }

    /// Which settles by the proxy, and is not waited for where that loses something.
    pub(crate) fn consumer_by(&self, proxy: &Proxy, name: &str) -> Consumer {
        let node = redsync_fred::RedisNode::open(&proxy.url()).expect("a runtime");
        let reader = redsync_fred::RedisNode::open(&self.server.url()).expect("a runtime");
        let server = Server::new(node, Arc::clone(self.worker.runtime())).timeout(CLAIM / 2);
        Consumer::new(server, reader, JOBS, GROUP, name).claim_after(CLAIM)
    }

    pub(crate) fn consumer_over(
        &self,
        node: impl Node,
        reader: impl Node,
        stream: &str,
        name: &str,
    ) -> Consumer {
        let server = Server::new(node, Arc::clone(self.worker.runtime()));
        Consumer::new(server, reader, stream, GROUP, name).claim_after(CLAIM)
    }

    pub(crate) async fn token(&self) -> LockToken {
        let guard = self.handler.mutex(NAME).lock().await.expect("free");
        guard.hand_over(WAIT).await.expect("reachable")
    }

    /// Hands a lock over with a job.
    pub(crate) async fn enqueue(&self, job: &[u8]) {
        let guard = self.handler.mutex(NAME).lock().await.expect("free");
        hand_over_to(guard, WAIT, &self.publisher(), job).await.expect("published");
    }

    pub(crate) fn pending(&self) -> usize {
        let reply = self.server.command(&["XPENDING", JOBS, GROUP]).expect("a group");
        format!("{reply:?}").matches("Bulk").count()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.server.command(&["GET", NAME]).expect("up").text().is_some()
    }
}

pub(crate) async fn publish(
    publisher: Publisher,
    token: LockToken,
    job: Vec<u8>,
) -> Result<(), PublishError<redsync_core::NodeError>> {
    Envelope::plain().publish(&token, &publisher, job).await
}

pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    timeout(LONG, consumer.receive()).await.expect("in time").expect("a message")
}

pub(crate) async fn assert_quiet(consumer: &mut Consumer) {
    let came = timeout(QUIET, consumer.receive()).await;
    assert!(came.is_err(), "{came:?}");
}
