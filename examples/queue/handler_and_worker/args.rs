//! What the programs are asked to do.

use std::{ffi::OsString, net::SocketAddr, time::Duration};

use lexopt::prelude::*;

use crate::BoxError;

pub(crate) const USAGE: &str = "\
usage: handler_and_worker handler|worker --broker amqp|nats|streams --url URL --locks URL[,URL...] [options]

  --broker B     the broker: amqp (RabbitMQ), nats (JetStream), or streams (Redis or Valkey)
  --url URL      where it is
  --locks URLS   the servers of the locks, the same for both programs
  --ttl S        for how many seconds a lock lasts that nobody extends, the same for both programs: 10 by default
  --trace        prints spans as OpenTelemetry sees them

handler: takes jobs by POST /reports/{id}
  --listen A     where it listens: 127.0.0.1:3000 by default
  --wait S       for how many seconds a job may wait for a worker: 600 by default

worker: does them
  --name N       its name, which no other worker has: its process id by default
  --work S       how many seconds it takes to write a report: 5 by default
  --grace S      for how many seconds a report is still written once the worker is to end: 10 by default

Without servers: cargo run --example in_process_queue";

/// What the program is asked to do.
pub(crate) struct Args {
    pub(crate) role: Role,
    pub(crate) place: Place,
    pub(crate) trace: bool,
}

pub(crate) enum Role {
    Handler(Handler),
    Worker(Worker),
}

/// What both programs have to agree upon.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) broker: Broker,
    pub(crate) url: String,
    pub(crate) locks: Vec<String>,
    pub(crate) ttl: Duration,
}

#[derive(Clone, Copy)]
pub(crate) enum Broker {
    Amqp,
    Nats,
    Streams,
}

pub(crate) struct Handler {
    pub(crate) listen: SocketAddr,
    pub(crate) wait: Duration,
}

pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) work: Duration,
    pub(crate) grace: Duration,
}

impl Args {
    /// Reads the command line; nothing when it is empty or help is wanted.
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, BoxError> {
        let (mut role, mut broker, mut url, mut locks, mut trace) = (None, None, None, Vec::new(), false);
        let mut ttl = Duration::from_secs(10);
        let mut handler =
            Handler { listen: SocketAddr::from(([127, 0, 0, 1], 3000)), wait: Duration::from_secs(600) };
        let (work, grace) = (Duration::from_secs(5), Duration::from_secs(10));
        let mut worker = Worker { name: std::process::id().to_string(), work, grace };
        let mut parser = lexopt::Parser::from_iter(args);
        let mut is_empty = true;
        while let Some(arg) = parser.next()? {
            is_empty = false;
            match arg {
                Long("broker") => broker = Some(parser.value()?.parse_with(one_of_the_brokers)?),
                Long("url") => url = Some(parser.value()?.string()?),
                Long("locks") => {
                    locks = parser.value()?.string()?.split(',').map(str::to_owned).collect();
                }
                Long("ttl") => ttl = parser.value()?.parse_with(seconds)?,
                Long("trace") => trace = true,
                Long("listen") => handler.listen = parser.value()?.parse()?,
                Long("wait") => handler.wait = parser.value()?.parse_with(seconds)?,
                Long("name") => worker.name = parser.value()?.string()?,
                Long("work") => worker.work = parser.value()?.parse_with(seconds)?,
                Long("grace") => worker.grace = parser.value()?.parse_with(seconds)?,
                Value(name) if role.is_none() => role = Some(name.string()?),
                Long("help") | Short('h') => return Ok(None),
                Long(_) | Short(_) | Value(_) => return Err(wrong(arg.unexpected())),
            }
        }
        if is_empty {
            return Ok(None);
        }
        let role = match role.as_deref() {
            Some("handler") => Role::Handler(handler),
            Some("worker") => Role::Worker(worker),
            Some(_) | None => return Err(wrong("it is either `handler` or `worker`")),
        };
        let (Some(broker), Some(url)) = (broker, url) else {
            return Err(wrong("`--broker` and `--url` are needed"));
        };
        Ok(Some(Self { role, place: Place { broker, url, locks, ttl }, trace }))
    }
}

impl Role {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Handler(_) => "handler",
            Self::Worker(_) => "worker",
        }
    }
}

fn wrong(what: impl std::fmt::Display) -> BoxError {
    format!("{what}\n\n{USAGE}").into()
}

fn one_of_the_brokers(name: &str) -> Result<Broker, &'static str> {
    match name {
        "amqp" => Ok(Broker::Amqp),
        "nats" => Ok(Broker::Nats),
        "streams" => Ok(Broker::Streams),
        _ => Err("it is one of amqp, nats and streams"),
    }
}

fn seconds(text: &str) -> Result<Duration, BoxError> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}
