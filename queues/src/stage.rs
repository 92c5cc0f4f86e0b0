//! [`Stage`]: a broker with a queue of its own, the servers that the locks are on, and a place for the history.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use async_nats::jetstream::stream::{self, RetentionPolicy};
use lapin::{Channel, Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use redsync_testkit::server::{Reply, Server};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    Failure,
    broker::{Address, Broker},
    inbox,
    server::{Nats, RabbitMq},
    worker::{Manner, Orders},
};

const POLL_EVERY: Duration = Duration::from_millis(20);
/// How many servers have the locks.
const NODES: usize = 3;

/// Everything but the processes.
pub(crate) struct Stage {
    pub(crate) address: Address,
    pub(crate) ttl: Duration,
    broker: Running,
    locks: Vec<Server>,
    dir: TempDir,
}

/// A broker that runs.
enum Running {
    Redis(Server),
    Nats(Mutex<Nats>),
    RabbitMq(Arc<Mutex<RabbitMq>>),
}

/// How a broker is ended before it is started again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Kill,
    Stop,
}

/// What is still there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Locks, with the server that has them.
    pub(crate) locks: Vec<String>,
    pub(crate) messages: u64,
}

impl Left {
    /// The locks that nobody can take because of what is left.
    ///
    /// A worker that is killed while it adopts may leave the token's value at a server that it had not asked yet, for as long
    /// as the job might have waited. No lock hangs on that.
    pub(crate) fn majorities(&self) -> Vec<&str> {
        let count = |name: &str| self.locks.iter().filter(|other| *other == name).count();
        self.locks.iter().map(String::as_str).filter(|name| count(name) > NODES / 2).collect()
    }
}

impl Stage {
    /// Starts everything, with an empty queue. RabbitMQ takes seconds to start: one serves all that do not restart it.
    pub(crate) async fn start(broker: Broker, is_shared: bool, ttl: Duration) -> Result<Self, Failure> {
        let running = Running::start(broker, is_shared)?;
        let locks = (0..NODES).map(|_| Server::start()).collect::<Result<_, _>>()?;
        let queue = format!("jobs-{:016x}", rand::random::<u64>());
        let address = Address { broker, url: Running::url(broker, running.port()), queue, silence: ttl };
        // Kept where something goes wrong, to be looked into.
        let dir = tempfile::Builder::new().prefix("redsync-queues-").disable_cleanup(true).tempdir()?;
        let stage = Self { address, ttl, broker: running, locks, dir };
        stage.set_up().await?;
        Ok(stage)
    }

    pub(crate) fn orders(&self, work: Duration) -> Orders {
        let (address, locks, history) = (self.address.clone(), self.lock_urls(), self.history());
        Orders { address, locks, history, work, manner: Manner::Plain }
    }

    pub(crate) fn lock_urls(&self) -> Vec<String> {
        self.locks.iter().map(Server::url).collect()
    }

    pub(crate) fn history(&self) -> PathBuf {
        self.dir.path().join("history")
    }

    /// History and logs are not needed any more: nothing was wrong.
    pub(crate) fn is_well(&mut self) {
        self.dir.disable_cleanup(false);
    }

    pub(crate) fn broker_port(&self) -> u16 {
        self.broker.port()
    }

    /// Where the broker is found through a proxy at this port.
    pub(crate) fn address_by(&self, port: u16) -> Address {
        self.address.by(Running::url(self.address.broker, port))
    }

    /// Restarts the broker, with its data.
    pub(crate) fn restart(&self, ending: Ending) -> Result<(), Failure> {
        match (&self.broker, ending) {
            // A server that writes everything down before it replies knows no difference.
            (Running::Redis(server), Ending::Kill | Ending::Stop) => server.restart()?,
            (Running::Nats(server), Ending::Kill) => locked(server).restart()?,
            (Running::Nats(server), Ending::Stop) => {
                let mut server = locked(server);
                server.stop()?;
                server.restart()?;
            }
            (Running::RabbitMq(server), Ending::Kill) => locked(server).restart()?,
            (Running::RabbitMq(server), Ending::Stop) => {
                let mut server = locked(server);
                server.stop()?;
                server.restart()?;
            }
        }
        Ok(())
    }

    /// What is still there; messages that a worker of RabbitMQ has are not counted while it runs.
    pub(crate) async fn left(&self) -> Result<Left, Failure> {
        let messages = match &self.broker {
            Running::Redis(_) | Running::RabbitMq(_) => self.count(&self.address.queue).await?,
            Running::Nats(_) => self.to_deliver().await?,
        };
        Ok(Left { locks: self.held()?, messages })
    }

    /// How many messages the consumer of NATS has yet to deliver, or to hear of.
    ///
    /// The stream may have more: a server that was killed may know of the acknowledgement of a message that it has not
    /// removed, and which it does not deliver any more. nats-server 2.9 leaves them there.
    async fn to_deliver(&self) -> Result<u64, Failure> {
        let jetstream = inbox::jetstream(&self.address).await?;
        let pull = inbox::pull(&self.address, &jetstream).await?;
        let info = pull.cached_info();
        Ok(info.num_pending + u64::try_from(info.num_ack_pending)?)
    }

    /// Waits until nothing is left, and returns what is left when the time is over.
    pub(crate) async fn wait_until_empty(&self, within: Duration) -> Result<Left, Failure> {
        let deadline = Instant::now() + within;
        loop {
            let left = self.left().await?;
            if (left.locks.is_empty() && left.messages == 0) || Instant::now() > deadline {
                return Ok(left);
            }
            sleep(POLL_EVERY).await;
        }
    }

    /// Waits until no server has a lock.
    pub(crate) async fn wait_until_free(&self, within: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + within;
        while !self.held()?.is_empty() {
            if Instant::now() > deadline {
                return Err(format!("there are locks: {:?}", self.held()?).into());
            }
            sleep(POLL_EVERY).await;
        }
        Ok(())
    }

    /// The names of the locks, once for each server that has one.
    pub(crate) fn held(&self) -> Result<Vec<String>, Failure> {
        let mut held = Vec::new();
        for server in &self.locks {
            let keys = server.command(&["KEYS", "*"])?;
            held.extend(keys.items().iter().filter_map(|key| key.text().map(str::to_owned)));
        }
        Ok(held)
    }

    pub(crate) async fn dead_letters(&self) -> Result<u64, Failure> {
        self.count(&self.address.dead_letters()).await
    }

    async fn set_up(&self) -> Result<(), Failure> {
        let (queue, dead) = (&self.address.queue, &self.address.dead_letters());
        match &self.broker {
            Running::Redis(_) => {}
            Running::Nats(_) => {
                let jetstream = inbox::jetstream(&self.address).await?;
                for (name, retention) in
                    [(queue, RetentionPolicy::WorkQueue), (dead, RetentionPolicy::Limits)]
                {
                    let subjects = vec![name.clone()];
                    let config =
                        stream::Config { name: name.clone(), subjects, retention, ..Default::default() };
                    jetstream.create_stream(config).await?;
                }
            }
            Running::RabbitMq(_) => {
                let (_connection, channel) = self.channel().await?;
                for queue in [queue, dead] {
                    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
                    channel.queue_declare(queue.as_str().into(), durable, FieldTable::default()).await?;
                }
            }
        }
        Ok(())
    }

    /// How many messages a queue has.
    async fn count(&self, queue: &str) -> Result<u64, Failure> {
        match &self.broker {
            Running::Redis(server) => match server.command(&["XLEN", queue])? {
                Reply::Int(count) => Ok(u64::try_from(count)?),
                other @ (Reply::Status(_)
                | Reply::Error(_)
                | Reply::Bulk(_)
                | Reply::Nil
                | Reply::Array(_)) => Err(format!("{other:?}").into()),
            },
            Running::Nats(_) => {
                let jetstream = inbox::jetstream(&self.address).await?;
                Ok(jetstream.get_stream(queue).await?.cached_info().state.messages)
            }
            Running::RabbitMq(_) => {
                let (_connection, channel) = self.channel().await?;
                let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
                let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
                Ok(queue.message_count().into())
            }
        }
    }

    async fn channel(&self) -> Result<(Connection, Channel), Failure> {
        let connection = Connection::connect(&self.address.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }
}

impl Running {
    fn start(broker: Broker, is_shared: bool) -> Result<Self, Failure> {
        Ok(match broker {
            Broker::Streams => {
                // What was acknowledged is there after a crash, without what Redis keeps in memory for a second otherwise.
                let builder = Server::builder().config("appendonly yes").config("appendfsync always");
                Self::Redis(builder.start()?)
            }
            Broker::Nats => Self::Nats(Mutex::new(Nats::start()?)),
            Broker::RabbitMq if is_shared => Self::RabbitMq(shared()?),
            Broker::RabbitMq => Self::RabbitMq(Arc::new(Mutex::new(RabbitMq::start()?))),
        })
    }

    fn port(&self) -> u16 {
        match self {
            Self::Redis(server) => server.port(),
            Self::Nats(server) => locked(server).port(),
            Self::RabbitMq(server) => locked(server).port(),
        }
    }

    fn url(broker: Broker, port: u16) -> String {
        match broker {
            Broker::Streams => format!("redis://127.0.0.1:{port}"),
            Broker::Nats => Nats::url_of(port),
            Broker::RabbitMq => RabbitMq::url_of(port),
        }
    }
}

/// The RabbitMQ of this process.
fn shared() -> Result<Arc<Mutex<RabbitMq>>, Failure> {
    static SHARED: OnceLock<Result<Arc<Mutex<RabbitMq>>, String>> = OnceLock::new();
    let start =
        || RabbitMq::start().map(|server| Arc::new(Mutex::new(server))).map_err(|error| error.to_string());
    Ok(SHARED.get_or_init(start).clone()?)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
