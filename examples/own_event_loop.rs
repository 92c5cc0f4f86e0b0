//! Locks without futures: a loop of its own drives redsync's state machines, over blocking connections.
//!
//! `cargo run --example own_event_loop` starts three servers; with URLs it locks on those:
//! `cargo run --example own_event_loop -- redis://127.0.0.1:6379`.

#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use redsync_core::{
    Delay, Moment, NodeError, Reply, Request, Ttl, Value,
    machine::{
        Acquire, AcquirePlan, Action, Drift, Event, Lease, Machine, NodeSet, Quorum, Release, ReleasePlan,
        RequestId, Resend, Source, ValueError,
    },
    wire::{Command, Outcome},
};
use redsync_redis_rs::redis::{self, Cmd, Connection, ServerError};
use redsync_testkit::server::Servers;

type BoxError = Box<dyn Error + Send + Sync>;

const NODE_TIMEOUT: Duration = Duration::from_millis(400);

fn main() -> Result<(), BoxError> {
    let mut urls: Vec<_> = env::args().skip(1).collect();
    let servers = if urls.is_empty() { Some(Servers::start(3)?) } else { None };
    urls.extend(servers.iter().flat_map(|servers| servers.urls()));
    let quorum = Quorum::majority(urls.len()).ok_or("too many nodes")?;
    let world = World::new("report:7", urls);
    let ttl = Ttl::new(Duration::from_secs(8)).ok_or("from 1 ms")?;

    let (lease, mut taken) = lock(&world, quorum, ttl)?;
    let left = lease.valid_until.since(world.now());
    println!("The lock is ours on a majority of {} for another {left:.1?}.", quorum.nodes());

    match lock(&world, quorum, ttl) {
        Err(error) => println!("A rival is told: {error}"),
        Ok(_) => return Err("two holders at once: this must not happen".into()),
    }

    // What is late is taken in before the lock goes, or is undone by whoever releases it.
    taken.settle();
    println!("Released: {:?}.", release(&world, quorum, ttl, lease)?);
    Ok(())
}

fn lock(world: &World, quorum: Quorum, ttl: Ttl) -> Result<(Lease, Loop<'_, Acquire<Random>>), BoxError> {
    let plan = AcquirePlan {
        quorum,
        ttl,
        drift: Drift::DEFAULT,
        node_timeout: NODE_TIMEOUT,
        tries: 2,
        delay: Delay::DEFAULT,
        deadline: None,
        wait_for_all: false,
        exact: None,
        source_is_fresh: true,
        may_repeat: NodeSet::EMPTY,
        shuffle: false,
        proposal: None,
    };
    let mut machine = Loop::new(world, Acquire::new(plan, Random, world.now()));
    match machine.result().ok_or("a machine has one result")? {
        Ok(lease) => Ok((lease, machine)),
        Err(failure) => {
            machine.settle();
            let answers: Vec<_> = failure.answers.iter().map(ToString::to_string).collect();
            Err(format!("no lock after {} tries; {}", failure.tries, answers.join("; ")).into())
        }
    }
}

fn release(
    world: &World,
    quorum: Quorum,
    ttl: Ttl,
    lease: Lease,
) -> Result<redsync_core::Released, BoxError> {
    let plan = ReleasePlan {
        quorum,
        value: lease.value,
        former: None,
        exact: lease.exact,
        resend: Resend::FRESH,
        asked: NodeSet::first(quorum.nodes()).without(lease.absent),
        may_be_deleted: NodeSet::EMPTY,
        ttl,
        refilled: NodeSet::EMPTY,
        lasting: NodeSet::EMPTY,
        lasts_until: Moment::default(),
        node_timeout: NODE_TIMEOUT,
        tries: 3,
        delay: Delay::DEFAULT,
        deadline: None,
    };
    let mut machine = Loop::new(world, Release::new(plan, Random, world.now()));
    let released = machine.result().ok_or("a machine has one result")?;
    // A majority has answered. The others are still to hear of it, and this process ends.
    machine.settle();
    released.map_err(|failure| format!("not released: {:?}", failure.answers).into())
}

// ANCHOR: loop
/// Drives one machine. Requests are numbered by it, so each machine has answers of its own.
struct Loop<'a, M> {
    world: &'a World,
    machine: M,
    tell: Sender<Answered>,
    answers: Receiver<Answered>,
}

impl<'a, M: Machine> Loop<'a, M> {
    fn new(world: &'a World, machine: M) -> Self {
        let (tell, answers) = channel();
        Self { world, machine, tell, answers }
    }

    /// The machine's result. `None` once there is nothing left to do.
    fn result(&mut self) -> Option<M::Output> {
        loop {
            match self.machine.poll() {
                Action::Send { id, command } => self.world.send(id, command, self.tell.clone()),
                Action::Done(result) => return Some(result),
                Action::Idle => return None,
                Action::WaitUntil(at, _) => {
                    let event = match self.answers.recv_timeout(at.since(self.world.now())) {
                        Ok((id, outcome)) => Event::Reply { id, outcome },
                        Err(_) => Event::Tick,
                    };
                    self.machine.handle(event, self.world.now());
                }
            }
        }
    }

    /// Goes on after the result: late answers are taken in, and what nobody wants is undone.
    fn settle(&mut self) {
        while self.result().is_some() {}
    }
}
// ANCHOR_END: loop

/// The clock, and a thread with a connection for each node.
struct World {
    origin: Instant,
    name: Arc<str>,
    nodes: Vec<Sender<Sent>>,
}

type Answered = (RequestId, Outcome);
type Sent = (RequestId, Command, Sender<Answered>);

impl World {
    fn new(name: &str, urls: Vec<String>) -> Self {
        let name: Arc<str> = name.into();
        let node = |url: String| {
            let ((send, sent), name) = (channel(), Arc::clone(&name));
            thread::spawn(move || carry(&url, &name, sent));
            send
        };
        Self { origin: Instant::now(), nodes: urls.into_iter().map(node).collect(), name }
    }

    /// On Linux `Instant` stands still while the machine is suspended, and servers do not: `CLOCK_BOOTTIME` is better there.
    fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    fn send(&self, id: RequestId, command: Command, tell: Sender<Answered>) {
        let way = self.nodes.get(id.node());
        let is_sent = way.is_some_and(|way| way.send((id, command, tell.clone())).is_ok());
        if !is_sent {
            let _ =
                tell.send((id, Outcome::Failed(NodeError::not_sent(format!("no way for {}", self.name)))));
        }
    }
}

/// Carries requests to one server, each once.
fn carry(url: &str, name: &Arc<str>, requests: Receiver<Sent>) {
    let mut connection = None;
    for (id, command, tell) in requests {
        let mut answer = ask(url, &mut connection, &command.request(name));
        // The server does not know the script yet.
        if matches!(&answer, Err(error) if error.code() == Some("NOSCRIPT")) {
            answer = ask(url, &mut connection, &command.request_with_text(name));
        }
        let outcome = Outcome::from(answer.and_then(|reply| command.outcome(&reply)));
        let _ = tell.send((id, outcome));
    }
}

fn ask(url: &str, connection: &mut Option<Connection>, request: &Request) -> Result<Reply, NodeError> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(connect(url).map_err(NodeError::not_sent)?),
    };
    let mut command = Cmd::new();
    request.args().for_each(|arg| _ = command.arg(arg));
    let answer: redis::RedisResult<redis::Value> = command.query(open);
    answer
        .map_err(|error| match ServerError::try_from(error) {
            Ok(told) => {
                NodeError::answered(told.code(), told.details().unwrap_or_default(), "the server's own word")
            }
            Err(error) => {
                // Nobody knows what it did, and what comes over this connection next would answer something else.
                *connection = None;
                NodeError::unknown(error)
            }
        })
        .and_then(reply)
}

fn connect(url: &str) -> redis::RedisResult<Connection> {
    let connection = redis::Client::open(url)?.get_connection_with_timeout(NODE_TIMEOUT)?;
    connection.set_read_timeout(Some(Duration::from_secs(8)))?;
    Ok(connection)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "replies of other kinds come to other commands")]
fn reply(value: redis::Value) -> Result<Reply, NodeError> {
    match value {
        redis::Value::Nil => Ok(Reply::Nil),
        redis::Value::Int(number) => Ok(Reply::Integer(number)),
        redis::Value::BulkString(text) => Ok(Reply::Text(text)),
        redis::Value::SimpleString(text) => Ok(Reply::Text(text.into())),
        redis::Value::Okay => Ok(Reply::Text("OK".into())),
        redis::Value::Array(items) => {
            items.into_iter().map(reply).collect::<Result<_, _>>().map(Reply::Array)
        }
        other => Err(NodeError::unknown(format!("no command here is answered by {other:?}"))),
    }
}

/// Values that nobody can guess, and that never come twice.
struct Random;

impl Source for Random {
    fn value(&mut self) -> Result<Value, ValueError> {
        Ok(Value::new(format!("{:016x}{:016x}", self.random(), self.random())))
    }

    fn random(&mut self) -> u64 {
        rand::random()
    }
}
