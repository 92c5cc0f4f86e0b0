//! A stream with its consumer and its dead letters, and locks over nodes in memory, for one test each.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use async_nats::jetstream::{
    self, Context,
    consumer::{AckPolicy, PullConsumer, pull},
    stream::{self, RetentionPolicy},
};
use futures_util::TryStreamExt;
use redsync_core::Redsync;
use redsync_queue::{
    Message,
    nats::{Consumer, Delivery, Publisher},
};
use redsync_queues::server::Nats;
use redsync_runtime::TokioRuntime;
use redsync_testkit::memory::MemoryNode;

/// How long something that has to come may take.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// How long a server is waited for that may not answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// The names that one test uses.
pub(crate) struct Lane {
    pub(crate) url: String,
    pub(crate) stream: String,
    pub(crate) ack_wait: Duration,
    place: Place,
}

/// Whose server it is.
enum Place {
    Own(#[expect(dead_code, reason = "it ends with the lane")] Nats),
    OfTest,
    Guest,
}

impl Lane {
    /// At the server that the environment names, or one of its own.
    pub(crate) async fn new(ack_wait: Duration) -> Self {
        match std::env::var("NATS_URL") {
            Ok(url) => Self::set_up(url, Place::Guest, ack_wait).await,
            Err(_) => {
                let server = Nats::start().expect("a server");
                Self::set_up(server.url(), Place::Own(server), ack_wait).await
            }
        }
    }

    /// At this server.
    pub(crate) async fn at(server: &Nats, ack_wait: Duration) -> Self {
        Self::set_up(server.url(), Place::OfTest, ack_wait).await
    }

    async fn set_up(url: String, place: Place, ack_wait: Duration) -> Self {
        let stream = format!("lane-{:016x}", RandomState::new().build_hasher().finish());
        let lane = Self { url, stream, ack_wait, place };
        let jetstream = connect(&lane.url).await;
        let jobs = stream::Config {
            name: lane.stream.clone(),
            subjects: vec![lane.subject()],
            retention: RetentionPolicy::WorkQueue,
            ..Default::default()
        };
        jetstream.create_stream(jobs).await.expect("a stream");
        let dead = stream::Config {
            name: lane.dead_stream(),
            subjects: vec![lane.dead_subject()],
            ..Default::default()
        };
        jetstream.create_stream(dead).await.expect("a stream for dead letters");
        lane.pull(&jetstream).await;
        lane
    }

    pub(crate) fn subject(&self) -> String {
        format!("{}.jobs", self.stream)
    }

    pub(crate) fn dead_subject(&self) -> String {
        format!("{}.dead", self.stream)
    }

    pub(crate) fn dead_stream(&self) -> String {
        format!("{}-dead", self.stream)
    }

    /// The pull consumer, which is made where it is not there.
    pub(crate) async fn pull(&self, jetstream: &Context) -> PullConsumer {
        let config = pull::Config {
            durable_name: Some("workers".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            ..Default::default()
        };
        let stream = jetstream.get_stream(&self.stream).await.expect("it is there");
        stream.get_or_create_consumer("workers", config).await.expect("a consumer")
    }

    pub(crate) fn publisher(&self, jetstream: &Context) -> Publisher {
        Publisher::new(jetstream.clone(), self.subject())
    }

    pub(crate) async fn consumer(&self, jetstream: &Context) -> Consumer {
        let dead_letters = Publisher::new(jetstream.clone(), self.dead_subject());
        Consumer::new(self.pull(jetstream).await, dead_letters).expect("it is explicit")
    }

    /// How many messages the stream has, and how many of them somebody works on.
    pub(crate) async fn left(&self) -> (u64, usize) {
        let jetstream = connect(&self.url).await;
        let stream = jetstream.get_stream(&self.stream).await.expect("it is there");
        let consumer = self.pull(&jetstream).await;
        (stream.cached_info().state.messages, consumer.cached_info().num_ack_pending)
    }

    /// Waits until the stream has stored so many messages in all.
    pub(crate) async fn stored(&self, count: u64) {
        let jetstream = connect(&self.url).await;
        let mut stream = jetstream.get_stream(&self.stream).await.expect("it is there");
        let is_stored = async {
            while stream.info().await.expect("it is there").state.last_sequence < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, is_stored).await.expect("it is stored");
    }

    /// The dead letters.
    pub(crate) async fn dead_letters(&self) -> Vec<jetstream::Message> {
        let jetstream = connect(&self.url).await;
        let stream = jetstream.get_stream(&self.dead_stream()).await.expect("it is there");
        let count = usize::try_from(stream.cached_info().state.messages).expect("few");
        let pull = stream.create_consumer(pull::Config::default()).await.expect("a consumer");
        let messages = pull.fetch().max_messages(count + 1).messages().await.expect("it is asked");
        messages.try_collect().await.expect("they are there")
    }
}

/// Leaves nothing behind at a server that goes on.
impl Drop for Lane {
    fn drop(&mut self) {
        if !matches!(self.place, Place::Guest) {
            return;
        }
        let (url, stream) = (self.url.clone(), self.stream.clone());
        let clean = async move {
            let jetstream = connect(&url).await;
            let names: Vec<_> = jetstream.stream_names().try_collect().await.expect("the server is there");
            for name in names.iter().filter(|name| name.starts_with(&stream)) {
                jetstream.delete_stream(name).await.expect("it is there");
            }
        };
        // The test's own runtime may not be waited for.
        let cleaner =
            std::thread::spawn(|| tokio::runtime::Runtime::new().expect("one more").block_on(clean));
        cleaner.join().expect("it is clean");
    }
}

/// A client of its own.
pub(crate) async fn connect(url: &str) -> Context {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let client = options.connect(url).await.expect("an address");
    let mut jetstream = jetstream::new(client);
    jetstream.set_timeout(TIMEOUT);
    jetstream
}

/// The next message, which has to come.
pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    let received = tokio::time::timeout(SOON, consumer.receive()).await;
    received.expect("soon").expect("the server is there").expect("the client is open")
}

/// Locks over nodes in memory, and the nodes.
pub(crate) fn locks() -> (Redsync, Vec<MemoryNode>) {
    let runtime: Arc<dyn redsync_core::Runtime> = TokioRuntime::shared().expect("in a test of Tokio's");
    let nodes: Vec<_> = (0..3).map(|_| MemoryNode::new(Arc::clone(&runtime))).collect();
    let redsync = Redsync::builder(runtime).nodes(nodes.iter().cloned()).build().expect("three nodes");
    (redsync, nodes)
}

/// Acknowledges, and says it again while the client has not noticed yet that its connection was cut.
pub(crate) async fn acknowledge(message: &Delivery) {
    let heard = async { while message.acknowledge().await.is_err() {} };
    tokio::time::timeout(SOON, heard).await.expect("the client connects again");
}

/// Returns once the client has sent something and has heard of it.
pub(crate) async fn is_open(lane: &Lane, jetstream: &Context) {
    jetstream.get_stream(&lane.stream).await.expect("the way there and back is open");
}
